// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using BlockHost.Block;
using BlockHost.Core.Block.Io;

namespace BlockHost.Core.Block;

/// <summary>
/// Writing. As for reads, what the driver can take goes to it at once. A node with a request alignment tracks its writes,
/// so that a read-modify-write cannot undo a neighbour's write.
/// </summary>
internal sealed partial class GraphNode
{
    private const WriteFlags PlainFlags = WriteFlags.Unchanged;
    private const WriteFlags DriverFlags = PlainFlags | WriteFlags.Compressed;

    private readonly RangeLock _writes = new();

    public ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, bool mayGrow, CancellationToken cancellationToken)
    {
        var bytes = source.Length;
        var length = Length;
        if (!_plainWrites || (flags & ~PlainFlags) != 0 || offset < 0 || offset > length || bytes > length - offset
            || bytes > _maxTransfer)
            return WriteSlowlyAsync(offset, source, flags, mayGrow, cancellationToken);
        NoteWrite(offset, offset + bytes);
        var write = Node.WriteAsync(offset, source, flags, cancellationToken);
        return _recorders.Length == 0 ? write : MarkDirtyAfterAsync(write, offset, bytes);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WriteSlowlyAsync(
        long offset, IoSlice source, WriteFlags flags, bool mayGrow, CancellationToken cancellationToken)
    {
        CheckWrite(offset, source.Length, mayGrow);
        if (source.IsEmpty)
            return;
        if ((flags & WriteFlags.Serialising) != 0 && _alignmentMask == 0)
            throw new BlockException(BlockErrorKind.NotSupported, $"Node '{Name}' does not order overlapping writes")
            { NodeName = Name, Offset = offset };
        if ((flags & WriteFlags.Compressed) != 0 && !Driver.SupportsCompressedWrites)
            throw new BlockException(BlockErrorKind.NotSupported, $"Driver '{Driver.FormatName}' does not compress")
            { NodeName = Name, Offset = offset };
        NoteWrite(offset, offset + source.Length);
        try
        {
            await WriteOrZeroAsync(offset, source, flags, cancellationToken).ConfigureAwait(false);
            GrowTo(offset + source.Length);
        }
        finally
        {
            MarkDirty(offset, source.Length);
        }
    }

    private ValueTask WriteOrZeroAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        if (Generic.DetectZeroes == DetectZeroes.Off || (flags & WriteFlags.Compressed) != 0 || !source.IsZero())
            return WriteCheckedAsync(offset, source, flags, cancellationToken);
        var unmap = Generic.DetectZeroes == DetectZeroes.Unmap ? ZeroFlags.MayUnmap : ZeroFlags.None;
        return WriteZeroesCheckedAsync(
            offset, source.Length, unmap | ZeroFlagsOf(flags), (flags & WriteFlags.Serialising) != 0, cancellationToken);
    }

    /// <summary>Writes a range that is permitted and in bounds, but may be unaligned.</summary>
    private async ValueTask WriteCheckedAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        var fua = (flags & WriteFlags.Fua) != 0;
        var serialising = (flags & WriteFlags.Serialising) != 0;
        var driverFlags = (flags & DriverFlags) | (fua && _nativeFua ? WriteFlags.Fua : WriteFlags.None);
        if (_alignmentMask == 0 && !serialising)
            await WriteAlignedAsync(offset, source, driverFlags, cancellationToken).ConfigureAwait(false);
        else
            await WriteTrackedAsync(offset, source, driverFlags, serialising, cancellationToken).ConfigureAwait(false);
        if (fua && !_nativeFua)
            await FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask WriteTrackedAsync(
        long offset, IoSlice source, WriteFlags flags, bool serialising, CancellationToken cancellationToken)
    {
        var range = new AlignedRange(offset, source.Length, _alignmentMask);
        using var hold = await _writes.EnterAsync(
            range.Start, range.End - range.Start, serialising || !range.IsAligned).ConfigureAwait(false);
        if (range.IsAligned)
            await WriteAlignedAsync(offset, source, flags, cancellationToken).ConfigureAwait(false);
        else
            await ReadModifyWriteAsync(range, source, flags, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Completes the first and the last block of a write with what they hold now.</summary>
    private async ValueTask ReadModifyWriteAsync(
        AlignedRange range, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        var block = (int)_alignmentMask + 1;
        using var first = _graph.Buffers.Rent(block);
        using var last = _graph.Buffers.Rent(block);
        var padded = new IoVector();
        var oneBlock = range.End - range.Start == block;
        if (range.Head > 0 || oneBlock)
        {
            await FireCompletionAsync(range, head: true, tail: oneBlock, isRead: false, cancellationToken).ConfigureAwait(false);
            await ReadBlockAsync(range.Start, first.Memory, cancellationToken).ConfigureAwait(false);
            await FireCompletionAsync(range, head: true, tail: oneBlock, isRead: true, cancellationToken).ConfigureAwait(false);
        }

        if (range.Tail > 0 && !oneBlock)
        {
            await FireCompletionAsync(range, head: false, tail: true, isRead: false, cancellationToken).ConfigureAwait(false);
            await ReadBlockAsync(range.End - block, last.Memory, cancellationToken).ConfigureAwait(false);
            await FireCompletionAsync(range, head: false, tail: true, isRead: true, cancellationToken).ConfigureAwait(false);
        }

        padded.Add(first.Memory[..range.Head]);
        padded.Add(source);
        padded.Add((oneBlock ? first : last).Memory[(block - range.Tail)..]);
        await WriteAlignedAsync(range.Start, padded.All, flags, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask ReadBlockAsync(long offset, Memory<byte> block, CancellationToken cancellationToken)
    {
        if (offset >= Length)
            block.Span.Clear();
        else
            await ReadInPiecesAsync(offset, block, ReadFlags.None, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask WriteInPiecesAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        for (long done = 0; done < source.Length;)
        {
            var piece = source.Slice(done, Math.Min(_maxTransfer, source.Length - done));
            await WritePieceAsync(offset + done, piece, flags, cancellationToken).ConfigureAwait(false);
            done += piece.Length;
        }
    }

    private async ValueTask WritePieceAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        if (MemoryAlignment.Holds(source, _profile.Limits.MemoryAlignment))
        {
            await WriteToDriverAsync(offset, source, flags, cancellationToken).ConfigureAwait(false);
            return;
        }

        for (long done = 0; done < source.Length;)
        {
            using var bounce = _graph.Buffers.Rent(BounceSize(source.Length - done));
            source.Slice(done, bounce.Memory.Length).CopyTo(bounce.Memory.Span);
            await WriteToDriverAsync(offset + done, bounce.Memory, flags, cancellationToken).ConfigureAwait(false);
            done += bounce.Memory.Length;
        }
    }

    private ValueTask WriteToDriverAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken) =>
        Gate.IsUnlimited
            ? Node.WriteAsync(offset, source, flags, cancellationToken)
            : Gate.RunAsync(
                (Node, offset, source, flags, cancellationToken),
                static r => r.Node.WriteAsync(r.offset, r.source, r.flags, r.cancellationToken),
                cancellationToken);

    private void CheckWrite(long offset, long bytes, bool mayGrow)
    {
        CheckRange(offset, bytes);
        if (!IsActive)
            throw new BlockException(BlockErrorKind.PermissionDenied, $"Node '{Name}' is inactive") { NodeName = Name, Offset = offset };
        if (ReadOnly)
            throw new BlockException(BlockErrorKind.ReadOnly, "Block node is read-only") { NodeName = Name, Offset = offset };
        if (bytes <= Length - offset)
            return;
        if (mayGrow && !Profile.Growable)
            throw new BlockException(
                BlockErrorKind.NoSpace,
                $"Node '{Name}' is full: a write of {bytes} bytes at {offset} does not fit into {Length} bytes")
            { NodeName = Name, Offset = offset };
        if (!mayGrow)
            throw new BlockException(
                BlockErrorKind.OutOfRange, $"Write of {bytes} bytes at {offset} ends beyond node '{Name}' ({Length} bytes)")
            { NodeName = Name, Offset = offset };
    }

    private static ZeroFlags ZeroFlagsOf(WriteFlags flags) =>
        ((flags & WriteFlags.Fua) != 0 ? ZeroFlags.Fua : ZeroFlags.None)
            | ((flags & WriteFlags.Unchanged) != 0 ? ZeroFlags.Unchanged : ZeroFlags.None);
}
