// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using ICSharpCode.SharpZipLib;
using ICSharpCode.SharpZipLib.BZip2;

namespace BlockHost.Unpacking;

/// <summary>bzip2; a block of it takes 5 MiB at most.</summary>
public sealed class Bzip2 : IUnpacker
{
    public bool TryUnpack(ReadOnlyMemory<byte> packed, Span<byte> content)
    {
        try
        {
            using var stream = new BZip2InputStream(StreamOver(packed));
            return stream.ReadAtLeast(content, content.Length, throwOnEndOfStream: false) == content.Length
                && stream.ReadByte() < 0;
        }
        catch (Exception e) when (e is SharpZipBaseException or IOException or IndexOutOfRangeException or ArgumentException)
        {
            // What the library says of damaged bytes.
            return false;
        }
    }

    private static MemoryStream StreamOver(ReadOnlyMemory<byte> packed) => MemoryMarshal.TryGetArray(packed, out var array)
        ? new MemoryStream(array.Array!, array.Offset, array.Count, writable: false)
        : new MemoryStream(packed.ToArray(), writable: false);
}
