// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Vhdx.Format;

namespace BlockHost.Plugins.Block.Vhdx;

/// <summary>
/// The image's two headers. A change goes into the older one, with a higher sequence number: whatever is cut off, one of them
/// is whole. Safe for any number of threads.
/// </summary>
internal sealed class HeaderStore
{
    private readonly IBlockChild _file;
    private readonly SemaphoreSlim _writing = new(1);
    private bool _firstIsCurrent;

    private HeaderStore(IBlockChild file, VhdxHeader current, bool firstIsCurrent) =>
        (_file, Current, _firstIsCurrent) = (file, current, firstIsCurrent);

    public VhdxHeader Current { get; private set; }

    public static async ValueTask<HeaderStore> ReadAsync(IBlockChild file, CancellationToken cancellationToken)
    {
        var first = await ReadAsync(file, FileLayout.FirstHeader, cancellationToken).ConfigureAwait(false);
        var second = await ReadAsync(file, FileLayout.SecondHeader, cancellationToken).ConfigureAwait(false);
        var isTie = first.IsValid && second.IsValid && first.Sequence == second.Sequence;
        if ((!first.IsValid && !second.IsValid) || (isTie && !first.HasSameBytes(second)))
            throw new BlockException(BlockErrorKind.InvalidArgument, "No valid VHDX header found");
        var isFirst = first.IsValid && (!second.IsValid || first.Sequence >= second.Sequence);
        return new HeaderStore(file, isFirst ? first : second, isFirst);
    }

    /// <summary>Writes a header that differs as told, and flushes the file.</summary>
    /// <exception cref="BlockException">The old header counts here; which of the two does in the file is open.</exception>
    public async ValueTask UpdateAsync(Func<VhdxHeader, VhdxHeader> change, CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (Current.Sequence == ulong.MaxValue)
                throw new BlockException(BlockErrorKind.Corrupt, "The VHDX headers have no sequence number left");
            var next = change(Current).With(Current.Sequence + 1);
            var offset = _firstIsCurrent ? FileLayout.SecondHeader : FileLayout.FirstHeader;
            await _file.WriteAsync(offset, next.ToBytes(), WriteFlags.None, cancellationToken).ConfigureAwait(false);
            await _file.FlushAsync(cancellationToken).ConfigureAwait(false);
            (Current, _firstIsCurrent) = (next, !_firstIsCurrent);
        }
        finally
        {
            _writing.Release();
        }
    }

    private static async ValueTask<VhdxHeader> ReadAsync(IBlockChild file, long offset, CancellationToken cancellationToken)
    {
        var bytes = new byte[VhdxHeader.Size];
        await file.ReadAsync(offset, bytes, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        return new VhdxHeader(bytes);
    }
}
