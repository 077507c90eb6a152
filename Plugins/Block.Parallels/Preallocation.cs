// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Parallels;

/// <summary>By how much the file grows beyond what is needed, and how.</summary>
internal readonly record struct Preallocation(long Bytes, bool TakesSpace)
{
    private const long DefaultBytes = 128 << 20;

    public static Preallocation From(ParallelsOptions options)
    {
        var takesSpace = options.PreallocMode switch
        {
            null or "falloc" => true,
            "truncate" => false,
            _ => throw new BlockException(BlockErrorKind.InvalidArgument, $"invalid parameter value: {options.PreallocMode}"),
        };
        if (options.PreallocSize is < 0)
            throw new BlockException(ParameterFault.OutOfRange("prealloc-size", "a non-negative number below 2^64"));
        return new(options.PreallocSize ?? DefaultBytes, takesSpace);
    }

    /// <summary>
    /// Makes the file at least so long that a range fits. Where more than that cannot be had, it is as well. Space is taken
    /// from the range on: a header may say that it lies far behind the file's end.
    /// </summary>
    public async ValueTask ExtendAsync(IBlockChild file, long place, long end, CancellationToken cancellationToken)
    {
        var start = Math.Max(file.Length, place);
        if (!TakesSpace)
        {
            await file.ResizeAsync(checked(end + Bytes), new(MayExceed: true), cancellationToken).ConfigureAwait(false);
            return;
        }

        try
        {
            await file.WriteZeroesAsync(
                start, checked(end + Bytes) - start, ZeroFlags.NoFallback, cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException e) when (e.Kind is BlockErrorKind.NotSupported or BlockErrorKind.NoSpace)
        {
            await file.ResizeAsync(Math.Max(end, file.Length), new(MayExceed: true), cancellationToken).ConfigureAwait(false);
        }
    }
}
