// SPDX-License-Identifier: MIT
using System.Text;

namespace BlockHost.Plugins.Block.Vhdx.Format;

/// <summary>
/// Where things are ([MS-VHDX] 2.1, 2.2; all numbers little-endian). What lies beyond the first MiB is aligned to whole ones,
/// and lies anywhere:
/// <code>
///   0           64K        128K       192K             256K             1M
///   identifier │ header 1 │ header 2 │ region table 1 │ region table 2 │ log │ table (BAT) │ metadata │ blocks …
/// </code>
/// </summary>
internal static class FileLayout
{
    public const int MiB = 1 << 20;
    public const int IdentifierSize = 64 << 10;
    public const long FirstHeader = 64 << 10;
    public const long SecondHeader = 128 << 10;
    public const long FirstRegionTable = 192 << 10;
    public const long SecondRegionTable = 256 << 10;

    private const int CreatorAt = 8;

    public static ReadOnlySpan<byte> Signature => "vhdxfile"u8;

    public static long RoundUp(long bytes) => (bytes + MiB - 1) / MiB * MiB;

    public static bool IsAligned(long bytes) => bytes % MiB == 0;

    /// <summary>The file's first bytes, with the name of the program that made it.</summary>
    public static byte[] Identifier(string creator)
    {
        var bytes = new byte[IdentifierSize];
        Signature.CopyTo(bytes);
        Encoding.Unicode.GetBytes(creator, bytes.AsSpan(CreatorAt, 512));
        return bytes;
    }
}
