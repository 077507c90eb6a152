// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2;

/// <summary>What image information tells of a qcow2 image alone (QAPI ImageInfoSpecificQCow2), in the order QEMU prints it.</summary>
public sealed record ImageInfoSpecificQcow2
{
    public required string Compat { get; init; }

    public required Qcow2CompressionType CompressionType { get; init; }

    public bool? LazyRefcounts { get; init; }

    public required long RefcountBits { get; init; }

    public string? DataFile { get; init; }

    public bool? DataFileRaw { get; init; }

    public bool? Corrupt { get; init; }

    [JsonPropertyName("extended-l2")]
    public bool? ExtendedL2 { get; init; }

    internal static ImageInfoSpecificQcow2 Of(Qcow2Header header) => new()
    {
        Compat = header.Version == 2 ? "0.10" : "1.1",
        CompressionType = (Qcow2CompressionType)header.Compression,
        LazyRefcounts = header.Version == 2 ? null : header.HasLazyRefcounts,
        RefcountBits = 1L << header.RefcountOrder,
        DataFile = header.DataFileName,
        DataFileRaw = header.HasDataFile ? header.IsDataFileRaw : null,
        Corrupt = header.Version == 2 ? null : header.IsCorrupt,
        ExtendedL2 = header.Version == 2 ? null : header.Incompatible.HasFlag(IncompatibleFeatures.ExtendedL2),
    };
}
