// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Commands.Migration.Format;

/// <summary>
/// What stands in a section "dirty-bitmap": chunks until one ends the part.
/// <code>
///   flags 1   [length 1  node]   [length 1  bitmap]           names: where they differ from the chunk's before
///     start:     granularity 4   bit 0 enabled, 1 persistent, 2 not used
///     complete:  nothing
///     bits:      first sector 8  sectors 4   [length 8  bits]    no bits: all of them are zero
///     end
/// </code>
/// Bits are little-endian, one a unit of the granularity, and as many bytes as make whole groups of 32.
/// </summary>
internal static class BitmapChunkLayout
{
    public const int End = 0x01;
    public const int Zeroes = 0x02;
    public const int BitmapName = 0x04;
    public const int NodeName = 0x08;
    public const int Start = 0x10;
    public const int Complete = 0x20;
    public const int Bits = 0x40;
    public const int MoreFlags = 0x80;

    public const byte Enabled = 0x01;
    public const byte Persistent = 0x02;
    public const byte AutoLoad = 0x04;

    public const int Sector = 512;

    /// <summary>Bytes of bits in a chunk at the most.</summary>
    public const int MaxBits = 1024;

    public const int Group = 32;
}
