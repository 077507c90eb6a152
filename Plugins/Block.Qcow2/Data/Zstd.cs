// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Qcow2.Data;

/// <summary>Zstandard by the system's libzstd, which is looked for when the first zstd image is opened.</summary>
internal static unsafe partial class Zstd
{
    private const string Library = "libzstd.so.1";
    private const int DefaultLevel = 3;

    /// <exception cref="BlockException">The library is not installed.</exception>
    public static void Require()
    {
        try
        {
            _ = ZSTD_versionNumber();
        }
        catch (DllNotFoundException e)
        {
            throw new BlockException(
                BlockErrorKind.NotSupported, $"Images with compression type zstd need {Library}, which is not installed", innerException: e);
        }
    }

    /// <summary>Fills <paramref name="content"/>; the packed bytes may be followed by others, up to the end of a sector.</summary>
    /// <returns>False: damaged, or too short.</returns>
    public static bool TryDecompress(ReadOnlySpan<byte> packed, Span<byte> content)
    {
        var stream = ZSTD_createDStream();
        if (stream == 0) throw new BlockException(BlockErrorKind.Io, "libzstd: out of memory", Errno.ENOMEM);
        try
        {
            fixed (byte* source = packed)
            fixed (byte* target = content)
                return Run(stream, new Buffer(source, packed.Length), new Buffer(target, content.Length));
        }
        finally
        {
            ZSTD_freeDStream(stream);
        }
    }

    public static nint CreateCompressor() =>
        ZSTD_createCCtx() is var context and not 0 ? context : throw new BlockException(BlockErrorKind.Io, "libzstd: out of memory", Errno.ENOMEM);

    public static void FreeCompressor(nint context) => ZSTD_freeCCtx(context);

    /// <returns>Bytes of <paramref name="packed"/>; 0 when the content does not fit into it.</returns>
    public static int TryCompress(nint context, ReadOnlySpan<byte> content, Span<byte> packed)
    {
        fixed (byte* source = content)
        fixed (byte* target = packed)
        {
            var size = ZSTD_compressCCtx(context, target, (nuint)packed.Length, source, (nuint)content.Length, DefaultLevel);
            return ZSTD_isError(size) != 0 ? 0 : (int)size;
        }
    }

    private static bool Run(nint stream, Buffer input, Buffer output)
    {
        while (output.Position < output.Size)
        {
            var (before, produced) = (input.Position, output.Position);
            var left = ZSTD_decompressStream(stream, &output, &input);
            if (ZSTD_isError(left) != 0) return false;
            if (input.Position == before && output.Position == produced) return false;
        }
        return true;
    }

    [LibraryImport(Library)]
    private static partial uint ZSTD_versionNumber();

    [LibraryImport(Library)]
    private static partial nint ZSTD_createDStream();

    [LibraryImport(Library)]
    private static partial nuint ZSTD_freeDStream(nint stream);

    [LibraryImport(Library)]
    private static partial nuint ZSTD_decompressStream(nint stream, Buffer* output, Buffer* input);

    [LibraryImport(Library)]
    private static partial nint ZSTD_createCCtx();

    [LibraryImport(Library)]
    private static partial nuint ZSTD_freeCCtx(nint context);

    [LibraryImport(Library)]
    private static partial nuint ZSTD_compressCCtx(nint context, byte* target, nuint targetSize, byte* source, nuint sourceSize, int level);

    [LibraryImport(Library)]
    private static partial uint ZSTD_isError(nuint code);

    /// <summary>ZSTD_inBuffer and ZSTD_outBuffer, which have the same layout.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Buffer(byte* start, int size)
    {
        public byte* Start = start;
        public nuint Size = (nuint)size;
        public nuint Position;
    }
}
