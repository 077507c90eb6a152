// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Qcow2.Data;

/// <summary>
/// Raw deflate by the runtime's own zlib. Its managed wrapper always uses a window of 32 KiB, but readers of qcow2 may
/// keep no more than 4 KiB, so the functions under the wrapper are called.
/// </summary>
internal sealed unsafe partial class DeflatePacker : ClusterPacker
{
    private const string Library = "libSystem.IO.Compression.Native";
    private const int DefaultLevel = -1;
    private const int Deflated = 8;
    private const int RawWindowOf4KiB = -12;
    private const int MostMemory = 9;
    private const int DefaultStrategy = 0;
    private const int Finish = 4;
    private const int Ok = 0;
    private const int StreamEnd = 1;

    public override int TryPack(ReadOnlySpan<byte> content, Span<byte> packed)
    {
        Stream stream = default;
        if (DeflateInit(&stream, DefaultLevel, Deflated, RawWindowOf4KiB, MostMemory, DefaultStrategy) != Ok)
            throw new BlockException(BlockErrorKind.Io, "zlib: out of memory", Errno.ENOMEM);
        try
        {
            fixed (byte* source = content)
            fixed (byte* target = packed)
            {
                stream.NextIn = source;
                stream.AvailableIn = (uint)content.Length;
                stream.NextOut = target;
                stream.AvailableOut = (uint)packed.Length;
                return Deflate(&stream, Finish) == StreamEnd ? packed.Length - (int)stream.AvailableOut : 0;
            }
        }
        finally
        {
            _ = DeflateEnd(&stream);
        }
    }

    [LibraryImport(Library, EntryPoint = "CompressionNative_DeflateInit2_")]
    private static partial int DeflateInit(Stream* stream, int level, int method, int windowBits, int memoryLevel, int strategy);

    [LibraryImport(Library, EntryPoint = "CompressionNative_Deflate")]
    private static partial int Deflate(Stream* stream, int flush);

    [LibraryImport(Library, EntryPoint = "CompressionNative_DeflateEnd")]
    private static partial int DeflateEnd(Stream* stream);

    /// <summary>What of a z_stream the runtime shows.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Stream
    {
        public byte* NextIn;
        public byte* NextOut;
        public byte* Message;
        public nint State;
        public uint AvailableIn;
        public uint AvailableOut;
    }
}
