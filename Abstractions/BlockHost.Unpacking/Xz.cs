// SPDX-License-Identifier: MIT
using BlockHost.Unpacking.Lzma;

namespace BlockHost.Unpacking;

/// <summary>
/// An .xz stream ("The .xz File Format", 1.2) of LZMA2 alone:
/// <code>
///   FD "7zXZ" 00 │ flags, CRC │ block: header │ LZMA2 │ to a multiple of 4 │ check │ … │ 00 index
///   header: its size / 4 - 1, flags, packed and unpacked size where the flags say so, filter 21 01 dictionary, CRC
/// </code>
/// Checks are left out: what holds such streams has checksums of its own.
/// </summary>
public sealed class Xz : IUnpacker
{
    private const int StreamHeaderSize = 12;
    private const int FlagsAt = 7;
    private const byte Lzma2Filter = 0x21;

    private static ReadOnlySpan<byte> Magic => [0xfd, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0];

    public bool TryUnpack(ReadOnlyMemory<byte> packed, Span<byte> content)
    {
        var bytes = packed.Span;
        if (bytes.Length < StreamHeaderSize || !bytes.StartsWith(Magic))
            return false;
        var checkSize = CheckSize(bytes[FlagsAt] & 0xf);
        var decoder = new Lzma2Decoder();
        bytes = bytes[StreamHeaderSize..];
        while (!bytes.IsEmpty && bytes[0] != 0)
        {
            var headerSize = (bytes[0] + 1) * 4;
            if (headerSize > bytes.Length || !IsLzma2Only(bytes[..headerSize]))
                return false;
            bytes = bytes[headerSize..];
            var packedSize = decoder.Unpack(bytes, content, out var size);
            if (packedSize < 0)
                return false;
            content = content[size..];
            var next = packedSize + (-packedSize & 3) + checkSize;
            if (next > bytes.Length)
                return false;
            bytes = bytes[next..];
        }

        return content.IsEmpty;
    }

    private static int CheckSize(int kind) => kind switch { 0 => 0, <= 3 => 4, <= 6 => 8, <= 9 => 16, <= 12 => 32, _ => 64 };

    /// <summary>One filter, with the property of its dictionary; the two sizes before it may be there.</summary>
    private static bool IsLzma2Only(ReadOnlySpan<byte> header)
    {
        var flags = header[1];
        if ((flags & 0x3f) != 0)
            return false;
        var at = 2;
        for (var sizes = (flags >> 6 & 1) + (flags >> 7); sizes > 0; sizes--)
        {
            while (at < header.Length && (header[at] & 0x80) != 0) at++;
            at++;
        }

        return at + 3 <= header.Length && header[at] == Lzma2Filter && header[at + 1] == 1;
    }
}
