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
                BlockErrorKind.NotSupported,
                $"Images with compression type zstd need {Library}, which is not installed",
                innerException: e);
        }
    }

    public static nint CreateDecompressor() => Checked(ZSTD_createDCtx());

    public static void FreeDecompressor(nint context) => ZSTD_freeDCtx(context);

    /// <summary>Fills <paramref name="content"/> from the frame that the packed bytes begin with.</summary>
    public static bool TryDecompress(nint context, ReadOnlySpan<byte> packed, Span<byte> content)
    {
        fixed (byte* source = packed)
        fixed (byte* target = content)
        {
            var frame = ZSTD_findFrameCompressedSize(source, (nuint)packed.Length);
            if (ZSTD_isError(frame) != 0) return false;
            return ZSTD_decompressDCtx(context, target, (nuint)content.Length, source, frame) == (nuint)content.Length;
        }
    }

    public static nint CreateCompressor() => Checked(ZSTD_createCCtx());

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

    private static nint Checked(nint context) =>
        context != 0 ? context : throw new BlockException(BlockErrorKind.Io, "libzstd: out of memory", Errno.ENOMEM);

    [LibraryImport(Library)]
    private static partial uint ZSTD_versionNumber();

    [LibraryImport(Library)]
    private static partial nint ZSTD_createDCtx();

    [LibraryImport(Library)]
    private static partial nuint ZSTD_freeDCtx(nint context);

    [LibraryImport(Library)]
    private static partial nuint ZSTD_findFrameCompressedSize(byte* source, nuint sourceSize);

    [LibraryImport(Library)]
    private static partial nuint ZSTD_decompressDCtx(
        nint context, byte* target, nuint targetSize, byte* source, nuint sourceSize);

    [LibraryImport(Library)]
    private static partial nint ZSTD_createCCtx();

    [LibraryImport(Library)]
    private static partial nuint ZSTD_freeCCtx(nint context);

    [LibraryImport(Library)]
    private static partial nuint ZSTD_compressCCtx(
        nint context, byte* target, nuint targetSize, byte* source, nuint sourceSize, int level);

    [LibraryImport(Library)]
    private static partial uint ZSTD_isError(nuint code);
}
