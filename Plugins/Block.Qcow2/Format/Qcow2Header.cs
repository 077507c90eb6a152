// SPDX-License-Identifier: MIT
using System.Text;

namespace BlockHost.Plugins.Block.Qcow2.Format;

/// <summary>
/// The image header with its extensions and the backing file name, as values. <see cref="HeaderParser"/> makes one
/// from bytes, <see cref="HeaderWriter"/> turns it back; what this driver does not understand survives both.
/// </summary>
internal sealed record Qcow2Header
{
    public const uint Magic = 0x514649fb;
    public const int Version2Length = 72;
    public const int Version3MinLength = 104;

    /// <summary>The length QEMU 7.2 writes: up to and including the padded compression type.</summary>
    public const int Version3Length = 112;
    public const int MaxBackingFileName = 1023;

    public required int Version { get; init; }
    public required int ClusterBits { get; init; }

    /// <summary>Virtual disk size in bytes.</summary>
    public required long Size { get; init; }
    public CryptMethod Crypt { get; init; }
    public required int L1Entries { get; init; }
    public required long L1Offset { get; init; }
    public required long RefcountTableOffset { get; init; }
    public required int RefcountTableClusters { get; init; }
    public int SnapshotCount { get; init; }
    public long SnapshotsOffset { get; init; }
    public IncompatibleFeatures Incompatible { get; init; }
    public CompatibleFeatures Compatible { get; init; }
    public AutoclearFeatures Autoclear { get; init; }
    public int RefcountOrder { get; init; } = 4;
    public CompressionType Compression { get; init; }

    /// <summary>Header bytes beyond the fields known here, kept as they were.</summary>
    public byte[] UnknownFields { get; init; } = [];
    public IReadOnlyList<HeaderExtension> Extensions { get; init; } = [];

    /// <summary>The name as stored; null when the image stands alone.</summary>
    public string? BackingFile { get; init; }

    public bool IsDirty => Incompatible.HasFlag(IncompatibleFeatures.Dirty);
    public bool IsCorrupt => Incompatible.HasFlag(IncompatibleFeatures.Corrupt);
    public bool HasLazyRefcounts => Compatible.HasFlag(CompatibleFeatures.LazyRefcounts);
    public bool HasDataFile => Incompatible.HasFlag(IncompatibleFeatures.ExternalDataFile);

    /// <summary>The data file can be read without the image.</summary>
    public bool IsDataFileRaw => HasDataFile && Autoclear.HasFlag(AutoclearFeatures.RawExternalData);

    public string? BackingFormat => Text(HeaderExtension.BackingFormat);
    public string? DataFileName => Text(HeaderExtension.DataFileName);

    public ClusterGeometry Geometry() =>
        new(ClusterBits, RefcountOrder, Incompatible.HasFlag(IncompatibleFeatures.ExtendedL2));

    /// <summary>Entries the L1 table needs for a disk of that size.</summary>
    /// <exception cref="Qcow2FormatException">The image cannot describe such a disk.</exception>
    public long L1EntriesFor(long size) =>
        HasDataFile && size > ExternalOffset.Mark
            ? throw new Qcow2FormatException("Image is too big", Qcow2Fault.TooLarge)
            : Geometry().L1EntriesFor(size);

    public HeaderExtension? Extension(uint type) => Extensions.FirstOrDefault(e => e.Type == type);

    /// <summary>The same header with one extension replaced, added in QEMU's order, or (null) removed.</summary>
    public Qcow2Header WithExtension(uint type, byte[]? data)
    {
        var list = Extensions.ToList();
        var at = list.FindIndex(e => e.Type == type);
        if (at >= 0) list.RemoveAt(at);
        if (data is not null) list.Insert(at >= 0 ? at : 0, new HeaderExtension(type, data));
        return this with { Extensions = list };
    }

    /// <summary>The same header naming another backing file, or none.</summary>
    public Qcow2Header WithBacking(string? file, string? format) =>
        (this with { BackingFile = string.IsNullOrEmpty(file) ? null : file })
            .WithExtension(HeaderExtension.BackingFormat, string.IsNullOrEmpty(format) ? null : Encoding.UTF8.GetBytes(format));

    /// <summary>The same header naming its external data file, behind the backing format as QEMU has it.</summary>
    public Qcow2Header WithDataFile(string file)
    {
        var name = new HeaderExtension(HeaderExtension.DataFileName, Encoding.UTF8.GetBytes(file));
        var list = Extensions.Where(e => e.Type != name.Type).ToList();
        list.Insert(list.FindIndex(e => e.Type == HeaderExtension.BackingFormat) + 1, name);
        return this with { Extensions = list };
    }

    private string? Text(uint type) =>
        Extension(type) is { Data.Length: > 0 } extension ? Encoding.UTF8.GetString(extension.Data) : null;
}
