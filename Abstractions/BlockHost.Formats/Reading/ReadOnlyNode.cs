// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Formats.Reading;

/// <summary>
/// The node of a format that is only read. A format says where the bytes of its disk are (<see cref="FindAsync"/>); reads and
/// status follow from that. Requests may come at once from any thread.
/// </summary>
/// <param name="length">Bytes of the disk.</param>
public abstract class ReadOnlyNode(IBlockChild file, long length) : BlockNode, IImageInfo, IBackingChildHolder
{
    /// <summary>QEMU's words for all of these formats.</summary>
    private const string Refusal = "Image is read-only";

    public IBlockChild File => file;

    /// <summary>What is absent here is read from this.</summary>
    public IBlockChild? Backing { get; private set; }

    public override BlockProfile Profile { get; } = new()
    {
        Length = length,
        Flush = Support.None,
        Fua = Support.None,
        WriteZeroes = Support.None,
        Status = Support.Native,
    };

    /// <summary>The image can have a backing file.</summary>
    protected virtual bool IsDifferencing => false;

    /// <summary>Opens the image, and refuses to open it for writing unless the user allows it to be read only.</summary>
    /// <exception cref="BlockException"><see cref="BlockErrorKind.ReadOnly"/>.</exception>
    public static async ValueTask<IBlockChild> OpenFileAsync(
        IBlockNodeContext context, BlockdevRef file, CancellationToken cancellationToken)
    {
        context.FallBackToReadOnly(Refusal);
        return await context.OpenChildAsync(
            "file", BlockChildRole.Image, file, cancellationToken).ConfigureAwait(false);
    }

    public void SetBackingChild(IBlockChild? backing) => Backing = backing;

    public override async ValueTask ReadAsync(
        long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        for (long done = 0; done < target.Length;)
        {
            var run = await FindAsync(offset + done, target.Length - done, cancellationToken).ConfigureAwait(false);
            var part = target.Slice(done, run.Bytes);
            if (run.State == BlockState.Stored)
                await file.ReadAsync(run.Place, part, ReadFlags.None, cancellationToken).ConfigureAwait(false);
            else if (run.State == BlockState.Packed)
                await ReadPackedAsync(offset + done, part, cancellationToken).ConfigureAwait(false);
            else if (run.State == BlockState.Absent && Backing is { } backing)
                await backing.ReadAsync(offset + done, part, ReadFlags.None, cancellationToken).ConfigureAwait(false);
            else
                part.Clear();
            done += run.Bytes;
        }
    }

    public override async ValueTask<BlockStatus> GetStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken)
    {
        const BlockStatusFlags Data = BlockStatusFlags.Data | BlockStatusFlags.Allocated;
        var run = await FindAsync(offset, bytes, cancellationToken).ConfigureAwait(false);
        return run.State switch
        {
            BlockState.Stored => new BlockStatus(run.Bytes, Data | BlockStatusFlags.OffsetValid, run.Place, file),
            BlockState.Packed => new BlockStatus(run.Bytes, Data | BlockStatusFlags.Compressed),
            BlockState.Absent when Backing is not null => new BlockStatus(run.Bytes, BlockStatusFlags.None),
            _ => new BlockStatus(run.Bytes, BlockStatusFlags.Zero | BlockStatusFlags.Allocated),
        };
    }

    /// <summary>QEMU says no more of such images than how long they are.</summary>
    public virtual ValueTask<ImageFacts> GetFactsAsync(CancellationToken cancellationToken) =>
        new(new ImageFacts { IsKnown = false });

    public override bool TryGetFacet<T>([NotNullWhen(true)] out T? facet)
        where T : class
    {
        facet = typeof(T) == typeof(IBackingChildHolder) && !IsDifferencing ? null : this as T;
        return facet is not null;
    }

    /// <summary>The first of the bytes that are alike, from an offset of the disk on: at least 1, at most so many.</summary>
    protected abstract ValueTask<BlockRun> FindAsync(long offset, long bytes, CancellationToken cancellationToken);

    /// <summary>Reads within one run of the state <see cref="BlockState.Packed"/>.</summary>
    protected virtual ValueTask ReadPackedAsync(long offset, IoSlice target, CancellationToken cancellationToken) =>
        throw new InvalidOperationException("The format has no packed blocks");
}
