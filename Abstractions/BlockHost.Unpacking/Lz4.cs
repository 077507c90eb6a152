// SPDX-License-Identifier: MIT
using K4os.Compression.LZ4;

namespace BlockHost.Unpacking;

/// <summary>One block of LZ4, without the frame around it.</summary>
public sealed class Lz4 : IUnpacker
{
    public bool TryUnpack(ReadOnlyMemory<byte> packed, Span<byte> content) =>
        LZ4Codec.Decode(packed.Span, content) == content.Length;
}
