// SPDX-License-Identifier: MIT
using System.Numerics;
using System.Text;

namespace BlockHost.Plugins.Block.Qcow2.Format;

/// <summary>The feature name table: lets software that does not know a feature name it in its refusal.</summary>
/// <remarks>
/// <code>
/// | type : u8 (0 incompatible, 1 compatible, 2 autoclear) | bit : u8 | name : 46 bytes, zero padded |
/// </code>
/// </remarks>
internal static class FeatureNameTable
{
    private const int EntrySize = 48;
    private const int HeadSize = 2;

    private static readonly (byte Type, byte Bit, string Name)[] Known =
    [
        (0, 0, "dirty bit"),
        (0, 1, "corrupt bit"),
        (0, 2, "external data file"),
        (0, 3, "compression type"),
        (0, 4, "extended L2 entries"),
        (1, 0, "lazy refcounts"),
        (2, 0, "bitmaps"),
        (2, 1, "raw external data"),
    ];

    /// <summary>The table QEMU writes into every version 3 image.</summary>
    public static HeaderExtension Create()
    {
        var data = new byte[Known.Length * EntrySize];
        for (var i = 0; i < Known.Length; i++)
        {
            var entry = data.AsSpan(i * EntrySize, EntrySize);
            entry[0] = Known[i].Type;
            entry[1] = Known[i].Bit;
            Encoding.ASCII.GetBytes(Known[i].Name, entry[2..]);
        }
        return new HeaderExtension(HeaderExtension.FeatureNames, data);
    }

    /// <summary>Names unknown incompatible bits as QEMU does: the table's names, up to an empty one, then the rest in
    /// hexadecimal. The last
    /// entry may be cut short in its name.</summary>
    public static string Describe(ulong bits, HeaderExtension? table)
    {
        var names = new List<string>();
        for (var at = 0; table is not null && at + HeadSize < table.Data.Length; at += EntrySize)
        {
            var entry = table.Data.AsSpan(at, Math.Min(EntrySize, table.Data.Length - at));
            if (entry[HeadSize] == 0) break;
            if (entry[0] != 0 || entry[1] > 63 || (bits & (1UL << entry[1])) == 0) continue;
            names.Add(Printable(entry[HeadSize..]));
            bits &= ~(1UL << entry[1]);
        }
        if (BitOperations.PopCount(bits) > 0) names.Add($"Unknown incompatible feature: {bits:x}");
        return string.Join(", ", names);
    }

    private static string Printable(ReadOnlySpan<byte> name)
    {
        var end = name.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? name : name[..end]);
    }
}
