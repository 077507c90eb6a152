// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Crypto.Luks;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Luks;

/// <summary>QAPI BlockdevOptionsLUKS.</summary>
public sealed record LuksOptions
{
    public required BlockdevRef File { get; init; }

    /// <summary>Id of the secret with the password; only who looks at no data can do without.</summary>
    public string? KeySecret { get; init; }

    /// <summary>The header, where it is not at the start of <see cref="File"/> (QEMU 9.0).</summary>
    public BlockdevRef? Header { get; init; }
}

/// <summary>QAPI BlockdevCreateOptionsLUKS.</summary>
public sealed record LuksCreateOptions : LuksCreateSettings
{
    public required BlockdevRef File { get; init; }

    /// <summary>Takes the header, so that <see cref="File"/> has the disk alone (QEMU 9.0).</summary>
    public BlockdevRef? Header { get; init; }

    /// <summary>Bytes of the disk.</summary>
    public required long Size { get; init; }

    public string? KeySecret { get; init; }

    public PreallocationMode? Preallocation { get; init; }
}

/// <summary>Those of <see cref="LuksCreateOptions"/> that a measurement looks at; <c>null</c> and absent are the same.</summary>
internal sealed record LuksMeasureOptions : LuksCreateSettings
{
    public long Size { get; init; }

    public string? KeySecret { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip)]
[JsonSerializable(typeof(LuksOptions))]
[JsonSerializable(typeof(LuksCreateOptions))]
[JsonSerializable(typeof(LuksMeasureOptions))]
[JsonSerializable(typeof(LuksAmendOptions))]
[JsonSerializable(typeof(LuksInfo))]
internal sealed partial class LuksJson : JsonSerializerContext;
