// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Filter.Preallocate;

/// <summary>How much is taken ahead.</summary>
/// <param name="Size">Beyond what is needed; the end is rounded up even where this is 0.</param>
internal sealed record PreallocateSettings(long Align, long Size)
{
    private const long UsualAlign = 1 << 20;
    private const long UsualSize = 128 << 20;
    private const int SectorSize = 512;

    /// <exception cref="BlockException">A number is none that the file can be extended by; QEMU's texts.</exception>
    public static PreallocateSettings From(PreallocateOptions options, int requestAlignment)
    {
        var align = options.PreallocAlign ?? UsualAlign;
        var size = options.PreallocSize ?? UsualSize;
        if (align < 0 || size < 0)
            throw new BlockException(
                ParameterFault.OutOfRange(align < 0 ? "prealloc-align" : "prealloc-size", "a non-negative number below 2^64"));
        if (align % SectorSize != 0)
            throw Invalid($"prealloc-align parameter of preallocate filter is not aligned to {SectorSize}");
        if (align % requestAlignment != 0)
            throw Invalid(
                $"prealloc-align parameter of preallocate filter is not aligned to underlying node request alignment ({requestAlignment})");
        return new(Math.Max(align, SectorSize), size);
    }

    /// <summary>Where the file is to end for data that end there; null: so long no file can be.</summary>
    public long? EndFor(long dataEnd)
    {
        if (Size > long.MaxValue - dataEnd || Align > long.MaxValue - dataEnd - Size)
            return null;
        var end = dataEnd + Size;
        return (end + Align - 1) / Align * Align;
    }

    private static BlockException Invalid(string message) => new(BlockErrorKind.InvalidArgument, message);
}
