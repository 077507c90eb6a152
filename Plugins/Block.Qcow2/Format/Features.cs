// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Qcow2.Format;

/// <summary>Header bytes 72-79: an image with an unknown bit must not be opened.</summary>
[Flags]
internal enum IncompatibleFeatures : ulong
{
    None = 0,
    Dirty = 1 << 0,
    Corrupt = 1 << 1,
    ExternalDataFile = 1 << 2,
    CompressionType = 1 << 3,
    ExtendedL2 = 1 << 4,
    Known = Dirty | Corrupt | ExternalDataFile | CompressionType | ExtendedL2,
}

/// <summary>Header bytes 80-87: unknown bits are ignored, and kept.</summary>
[Flags]
internal enum CompatibleFeatures : ulong
{
    None = 0,
    LazyRefcounts = 1 << 0,
}

/// <summary>Header bytes 88-95: a writer that does not know a bit must clear it before it writes.</summary>
[Flags]
internal enum AutoclearFeatures : ulong
{
    None = 0,
    Bitmaps = 1 << 0,
    RawExternalData = 1 << 1,

    /// <summary>Blockhost's own, from the end that the specification is not likely to reach: see JournalExtension.</summary>
    BitmapJournal = 1UL << 63,
    Known = Bitmaps | RawExternalData | BitmapJournal,
}

internal enum CompressionType : byte
{
    Zlib = 0,
    Zstd = 1,
}

internal enum CryptMethod : uint
{
    None = 0,
    Aes = 1,
    Luks = 2,
}
