// SPDX-License-Identifier: MIT
namespace BlockHost.Unpacking.Lzfse;

/// <summary>
/// LZFSE: a row of blocks, little-endian, each with a magic of its own:
/// <code>
///   "bvx-" raw bytes                            as they are
///   "bvxn" raw bytes, payload bytes             LZVN
///   "bvx1", "bvx2" header with tables           literals, and (literals, match, distance) triples, by finite state entropy
///   "bvx$"                                      the end
/// </code>
/// There is no official text; this follows Apple's description of the format in its reference library's headers.
/// </summary>
public sealed class LzfseUnpacker : IUnpacker
{
    private const uint End = 0x24787662;
    private const uint Stored = 0x2d787662;
    private const uint WithTables = 0x31787662;
    private const uint WithPackedTables = 0x32787662;
    private const uint Lzvn = 0x6e787662;

    public bool TryUnpack(ReadOnlyMemory<byte> packed, Span<byte> content)
    {
        var source = new ByteReader(packed.Span);
        var target = new ByteWriter(content);
        while (source.TryReadLittle32(out var magic))
        {
            var done = magic switch
            {
                Stored => TryStored(ref source, ref target),
                Lzvn => TryLzvn(ref source, ref target),
                WithTables => TryEntropy(ref source, ref target, packedTables: false),
                WithPackedTables => TryEntropy(ref source, ref target, packedTables: true),
                _ => false,
            };
            if (magic == End)
                return target.IsFull;
            if (!done)
                return false;
        }

        return false;
    }

    private static bool TryStored(ref ByteReader source, ref ByteWriter target) =>
        source.TryReadLittle32(out var size) && source.TryTake(size, out var bytes) && target.TryWrite(bytes);

    private static bool TryLzvn(ref ByteReader source, ref ByteWriter target)
    {
        if (!source.TryReadLittle32(out var size) || !source.TryReadLittle32(out var packedSize)
            || !source.TryTake(packedSize, out var payload))
            return false;
        var end = target.Written + (long)size;
        return LzvnUnpacker.TryUnpack(payload, ref target) && target.Written == end;
    }

    private static bool TryEntropy(ref ByteReader source, ref ByteWriter target, bool packedTables)
    {
        var header = new EntropyHeader();
        if (!(packedTables ? header.TryReadPacked(ref source) : header.TryRead(ref source)) || !header.IsSound
            || !source.TryTake(header.LiteralBytes, out var literals) || !source.TryTake(header.TripleBytes, out var triples))
            return false;
        var end = target.Written + (long)header.RawBytes;
        return EntropyBlock.TryUnpack(header, literals, triples, ref target) && target.Written == end;
    }
}
