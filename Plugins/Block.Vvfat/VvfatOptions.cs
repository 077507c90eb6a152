// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Vvfat;

/// <summary>QAPI BlockdevOptionsVVFAT.</summary>
public sealed record VvfatOptions
{
    /// <summary>The folder.</summary>
    public required string Dir { get; init; }

    /// <summary>12, 16 or 32; 0 and none: what the disk's size asks for.</summary>
    public long? FatType { get; init; }

    /// <summary>A floppy disk, without partitions. Default: false.</summary>
    public bool? Floppy { get; init; }

    /// <summary>The volume's, at most 11 bytes. Default: "QEMU VVFAT".</summary>
    public string? Label { get; init; }

    /// <summary>What the guest writes is taken back into the folder. Default: false.</summary>
    public bool? Rw { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(VvfatOptions))]
internal sealed partial class VvfatJson : JsonSerializerContext;
