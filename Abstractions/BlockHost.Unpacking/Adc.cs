// SPDX-License-Identifier: MIT
namespace BlockHost.Unpacking;

/// <summary>
/// Apple Data Compression, as libyal's "Apple disk image format" has it:
/// <code>
///   1lllllll                       l + 1 bytes follow as they are
///   01llllll dddddddd dddddddd     l + 4 bytes from d + 1 before
///   00lllldd dddddddd              l + 3 bytes from d + 1 before
/// </code>
/// </summary>
public sealed class Adc : IUnpacker
{
    public bool TryUnpack(ReadOnlyMemory<byte> packed, Span<byte> content)
    {
        var source = new ByteReader(packed.Span);
        var target = new ByteWriter(content);
        while (!target.IsFull)
        {
            if (!source.TryRead(out var first))
                return false;
            var done = first switch
            {
                >= 0x80 => source.TryTake((first & 0x7f) + 1, out var literal) && target.TryWrite(literal),
                >= 0x40 => source.TryReadBig16(out var far) && target.TryRepeat(far + 1, (first & 0x3f) + 4),
                _ => source.TryRead(out var near) && target.TryRepeat(((first & 3) << 8 | near) + 1, (first >> 2) + 3),
            };
            if (!done)
                return false;
        }

        return true;
    }
}
