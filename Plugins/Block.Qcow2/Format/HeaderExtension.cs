// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace BlockHost.Plugins.Block.Qcow2.Format;

/// <summary>
/// One header extension, known or not; unknown ones are carried so that a rewritten header keeps them.
/// </summary>
/// <remarks>
/// <code>
/// | type : u32 | length : u32 | data : length bytes | padding to 8 |     "Header extensions"
/// </code>
/// </remarks>
internal sealed record HeaderExtension(uint Type, byte[] Data)
{
    public const uint End = 0;
    public const uint BackingFormat = 0xe2792aca;
    public const uint FeatureNames = 0x6803f857;
    public const uint Bitmaps = 0x23852875;
    public const uint Encryption = 0x0537be77;
    public const uint DataFileName = 0x44415441;

    /// <summary>Blockhost's own ("bhbj"): <see cref="JournalExtension"/>.</summary>
    public const uint BitmapJournal = 0x6268626a;

    private const int HeadSize = 8;

    /// <summary>Bytes the extension takes in the header cluster.</summary>
    public int EncodedSize => HeadSize + ((Data.Length + 7) & ~7);

    /// <summary>
    /// Reads the extension area: from the end of the header to the backing file name or the end of the cluster.
    /// </summary>
    public static List<HeaderExtension> ParseAll(ReadOnlySpan<byte> area)
    {
        var found = new List<HeaderExtension>();
        while (area.Length >= HeadSize)
        {
            var type = BinaryPrimitives.ReadUInt32BigEndian(area);
            var length = BinaryPrimitives.ReadUInt32BigEndian(area[4..]);
            area = area[HeadSize..];
            if (length > (uint)area.Length)
                throw new Qcow2FormatException("Header extension too large");
            if (type == End) break;
            if (type == Bitmaps
                && length != BitmapsExtension.Size) throw new Qcow2FormatException("bitmaps_ext: Invalid extension length");
            found.Add(new HeaderExtension(type, area[..(int)length].ToArray()));
            area = area[(int)Math.Min((length + 7) & ~7u, (uint)area.Length)..];
        }
        return found;
    }

    /// <summary>Writes this extension at the start of <paramref name="target"/>; returns the bytes used.</summary>
    public int Write(Span<byte> target)
    {
        BinaryPrimitives.WriteUInt32BigEndian(target, Type);
        BinaryPrimitives.WriteUInt32BigEndian(target[4..], (uint)Data.Length);
        Data.CopyTo(target[HeadSize..]);
        return EncodedSize;
    }
}
