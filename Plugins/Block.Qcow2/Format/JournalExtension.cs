// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;

namespace BlockHost.Plugins.Block.Qcow2.Format;

/// <summary>
/// A header extension of blockhost's own: the first entries of the bitmap directory are marked in use, and hold all that was
/// marked all the same. It counts while <see cref="AutoclearFeatures.BitmapJournal"/> is set, which every program that does not
/// know it clears before it writes, and only for the directory that it names.
/// </summary>
/// <remarks>
/// <code>
/// 0 directory offset   8 entries   12 zero
/// </code>
/// </remarks>
internal readonly record struct JournalExtension(long DirectoryOffset, uint Count)
{
    public const int Size = 16;

    public static bool TryParse(HeaderExtension? extension, [NotNullWhen(true)] out JournalExtension? journal)
    {
        journal = null;
        if (extension is not { Data: { Length: Size } data } || BinaryPrimitives.ReadUInt32BigEndian(data.AsSpan(12)) != 0)
            return false;
        journal = new JournalExtension(
            (long)BinaryPrimitives.ReadUInt64BigEndian(data), BinaryPrimitives.ReadUInt32BigEndian(data.AsSpan(8)));
        return true;
    }

    public byte[] Encode()
    {
        var data = new byte[Size];
        BinaryPrimitives.WriteUInt64BigEndian(data, (ulong)DirectoryOffset);
        BinaryPrimitives.WriteUInt32BigEndian(data.AsSpan(8), Count);
        return data;
    }
}
