// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Filter.Blklogwrites;

/// <summary>QAPI BlockdevOptionsBlklogwrites.</summary>
public sealed record BlklogwritesOptions
{
    public required BlockdevRef File { get; init; }

    /// <summary>Where the log is kept.</summary>
    public required BlockdevRef Log { get; init; }

    /// <summary>Absent: 512, or what the log has that is appended to.</summary>
    public uint? LogSectorSize { get; init; }

    /// <summary>Goes on after what the log holds; else it begins anew.</summary>
    public bool? LogAppend { get; init; }

    /// <summary>After so many entries their number is written; absent: 4096.</summary>
    public ulong? LogSuperUpdateInterval { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(BlklogwritesOptions))]
internal sealed partial class BlklogwritesJson : JsonSerializerContext;
