// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using BlockHost.Block;

namespace BlockHost.Formats.Packing;

/// <summary>
/// Deflate by the runtime's own zlib, in one call a cluster. The runtime's managed wrapper always packs with a window
/// of 32 KiB, but readers of qcow and qcow2 may keep no more than 4 KiB, so the functions under the wrapper are called.
/// </summary>
public static unsafe partial class Zlib
{
    private const string Library = "libSystem.IO.Compression.Native";
    private const int DefaultLevel = -1;
    private const int Deflated = 8;
    private const int RawWindowOf4KiB = -12;
    private const int RawWindowOf32KiB = -15;
    private const int WrappedWindowOf32KiB = 15;
    private const int MostMemory = 9;
    private const int DefaultStrategy = 0;
    private const int Finish = 4;
    private const int Ok = 0;
    private const int StreamEnd = 1;

    /// <returns>Bytes of <paramref name="packed"/>; 0 when the content does not fit into it.</returns>
    public static int TryDeflate(ReadOnlySpan<byte> content, Span<byte> packed)
    {
        Stream stream = default;
        Require(DeflateInit(&stream, DefaultLevel, Deflated, RawWindowOf4KiB, MostMemory, DefaultStrategy));
        try
        {
            fixed (byte* source = content)
            fixed (byte* target = packed)
            {
                stream.Take(source, content.Length, target, packed.Length);
                return Deflate(&stream, Finish) == StreamEnd ? packed.Length - (int)stream.AvailableOut : 0;
            }
        }
        finally
        {
            _ = DeflateEnd(&stream);
        }
    }

    /// <summary>Fills <paramref name="content"/>; what follows the packed bytes does not matter.</summary>
    public static bool TryInflate(ReadOnlySpan<byte> packed, Span<byte> content)
    {
        Stream stream = default;
        Require(InflateInit(&stream, RawWindowOf32KiB));
        try
        {
            fixed (byte* source = packed)
            fixed (byte* target = content)
            {
                stream.Take(source, packed.Length, target, content.Length);
                _ = Inflate(&stream, Finish);
                return stream.AvailableOut == 0;
            }
        }
        finally
        {
            _ = InflateEnd(&stream);
        }
    }

    /// <summary>
    /// Fills <paramref name="content"/> from a stream with zlib's header and checksum (RFC 1950), which has to end there.
    /// </summary>
    public static bool TryInflateWrapped(ReadOnlySpan<byte> packed, Span<byte> content)
    {
        Stream stream = default;
        Require(InflateInit(&stream, WrappedWindowOf32KiB));
        try
        {
            fixed (byte* source = packed)
            fixed (byte* target = content)
            {
                stream.Take(source, packed.Length, target, content.Length);
                return Inflate(&stream, Finish) == StreamEnd && stream.AvailableOut == 0;
            }
        }
        finally
        {
            _ = InflateEnd(&stream);
        }
    }

    private static void Require(int result)
    {
        if (result != Ok) throw new BlockException(BlockErrorKind.Io, "zlib: out of memory", Errno.ENOMEM);
    }

    [LibraryImport(Library, EntryPoint = "CompressionNative_DeflateInit2_")]
    private static partial int DeflateInit(Stream* stream, int level, int method, int windowBits, int memoryLevel, int strategy);

    [LibraryImport(Library, EntryPoint = "CompressionNative_Deflate")]
    private static partial int Deflate(Stream* stream, int flush);

    [LibraryImport(Library, EntryPoint = "CompressionNative_DeflateEnd")]
    private static partial int DeflateEnd(Stream* stream);

    [LibraryImport(Library, EntryPoint = "CompressionNative_InflateInit2_")]
    private static partial int InflateInit(Stream* stream, int windowBits);

    [LibraryImport(Library, EntryPoint = "CompressionNative_Inflate")]
    private static partial int Inflate(Stream* stream, int flush);

    [LibraryImport(Library, EntryPoint = "CompressionNative_InflateEnd")]
    private static partial int InflateEnd(Stream* stream);

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

        public void Take(byte* source, int sourceBytes, byte* target, int targetBytes)
        {
            NextIn = source;
            AvailableIn = (uint)sourceBytes;
            NextOut = target;
            AvailableOut = (uint)targetBytes;
        }
    }
}
