// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using BlockHost.Plugins.Block.Qcow2.Encryption;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2;

/// <summary>
/// What image information tells of a qcow2 image alone (QAPI ImageInfoSpecificQCow2), in the order QEMU prints it.
/// </summary>
public sealed record ImageInfoSpecificQcow2
{
    public required string Compat { get; init; }

    public required Qcow2CompressionType CompressionType { get; init; }

    public bool? LazyRefcounts { get; init; }

    public IReadOnlyList<Qcow2BitmapInfo>? Bitmaps { get; init; }

    public required long RefcountBits { get; init; }

    public Qcow2EncryptionInfo? Encrypt { get; init; }

    public string? DataFile { get; init; }

    public bool? DataFileRaw { get; init; }

    public bool? Corrupt { get; init; }

    public bool? ExtendedL2 { get; init; }

    /// <summary>With the members of an encryption in QEMU's order, where its format is not the first.</summary>
    internal JsonElement ToJson()
    {
        var json = JsonSerializer.SerializeToNode(this, Qcow2Json.Default.ImageInfoSpecificQcow2)!.AsObject();
        if (json["encrypt"] is JsonObject encrypt && encrypt.IndexOf("cipher-mode") is var place and > 0)
        {
            encrypt.Remove("format", out var format);
            encrypt.Insert(place - 1, "format", format);
        }

        return JsonSerializer.SerializeToElement(json, Qcow2Json.Default.JsonObject);
    }

    /// <param name="bitmaps">The bitmap directory.</param>
    internal static ImageInfoSpecificQcow2 Of(
        Qcow2Header header, IReadOnlyList<BitmapEntry> bitmaps, Qcow2EncryptionInfo? encryption) => new()
        {
            Compat = header.Version == 2 ? "0.10" : "1.1",
            CompressionType = (Qcow2CompressionType)header.Compression,
            LazyRefcounts = header.Version == 2 ? null : header.HasLazyRefcounts,
            Bitmaps = bitmaps.Count == 0 ? null : [.. bitmaps.Select(Qcow2BitmapInfo.Of)],
            RefcountBits = 1L << header.RefcountOrder,
            Encrypt = encryption,
            DataFile = header.DataFileName,
            DataFileRaw = header.HasDataFile ? header.IsDataFileRaw : null,
            Corrupt = header.Version == 2 ? null : header.IsCorrupt,
            ExtendedL2 = header.Version == 2 ? null : header.Incompatible.HasFlag(IncompatibleFeatures.ExtendedL2),
        };
}

[JsonConverter(typeof(JsonStringEnumConverter<Qcow2BitmapInfoFlags>))]
public enum Qcow2BitmapInfoFlags
{
    [JsonStringEnumMemberName("in-use")]
    InUse = 0,

    [JsonStringEnumMemberName("auto")]
    Auto = 1,
}

/// <summary>A persistent bitmap as the image's directory has it (QAPI Qcow2BitmapInfo).</summary>
public sealed record Qcow2BitmapInfo
{
    public required IReadOnlyList<Qcow2BitmapInfoFlags> Flags { get; init; }

    public required string Name { get; init; }

    /// <summary>Bytes that one bit stands for.</summary>
    public required uint Granularity { get; init; }

    internal static Qcow2BitmapInfo Of(BitmapEntry entry) => new()
    {
        Flags = [.. Enum.GetValues<Qcow2BitmapInfoFlags>().Where(flag => ((uint)entry.Flags & (1u << (int)flag)) != 0)],
        Name = entry.Name,
        Granularity = entry.GranularityBits < 32 ? 1u << entry.GranularityBits : 0,
    };
}
