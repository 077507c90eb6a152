// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qcow2.Encryption;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Data;

/// <summary>
/// Where clusters with guest data lie: in the image file, wherever a free one was found, or in an external data file,
/// each at the guest's own offset. A raw data file can be read without the image, so it holds zeroes where the guest
/// reads zeroes.
/// </summary>
internal sealed class DataStorage
{
    /// <summary>Of what is encrypted, what is in a buffer at once.</summary>
    private const int PieceBytes = 1 << 20;

    private readonly IBlockChild _file;
    private readonly IBlockChild? _child;
    private readonly HeaderStore _header;
    private readonly ClusterAllocator _allocator;
    private readonly ClusterGeometry _geometry;
    private readonly IIoBufferPool _buffers;
    private readonly long _offsetMask = -1;

    /// <param name="external">Null: not external, or not open because nobody will look at the data.</param>
    public DataStorage(
        IBlockChild file, IBlockChild? external, HeaderStore header, ClusterAllocator allocator, IIoBufferPool buffers)
    {
        _buffers = buffers;
        _file = file;
        _allocator = allocator;
        _header = header;
        _geometry = header.Current.Geometry();
        IsExternal = header.Current.HasDataFile;
        _child = IsExternal ? external : file;
        if (IsExternal) _offsetMask = ~ExternalOffset.Mark;
    }

    /// <summary>Null: what is stored is what guests wrote.</summary>
    public ImageCipher? Cipher { get; init; }

    public bool IsExternal { get; }

    public bool IsRaw => _header.Current.IsDataFileRaw;

    /// <summary>The node that stores the data.</summary>
    public IBlockChild Child => _child ?? throw new BlockException(BlockErrorKind.Io, "The external data file is not open");

    /// <summary>The external data file, if there is one and it is open.</summary>
    public IBlockChild? External => IsExternal ? _child : null;

    /// <summary>The offset in <see cref="Child"/> that an entry's host offset stands for.</summary>
    public long InChild(long hostOffset) => hostOffset & _offsetMask;

    /// <param name="guestOffset">Where a guest sees the data.</param>
    public ValueTask ReadAsync(
        long hostOffset, long guestOffset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken) =>
        Cipher is null
            ? ReadStoredAsync(hostOffset, target, flags, cancellationToken)
            : ReadAndDecryptAsync(Cipher, hostOffset, guestOffset, target, flags, cancellationToken);

    /// <inheritdoc cref="ReadAsync"/>
    public ValueTask WriteAsync(
        long hostOffset, long guestOffset, IoSlice source, CancellationToken cancellationToken = default) =>
        Cipher is null
            ? WriteStoredAsync(hostOffset, source, cancellationToken)
            : EncryptAndWriteAsync(Cipher, hostOffset, guestOffset, source, cancellationToken);

    private ValueTask ReadStoredAsync(
        long hostOffset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken) =>
        _file.EventTarget is null ? Child.ReadAsync(hostOffset & _offsetMask, target, flags, cancellationToken)
            : FireAndReadAsync(hostOffset, target, flags, cancellationToken);

    private ValueTask WriteStoredAsync(long hostOffset, IoSlice source, CancellationToken cancellationToken) =>
        _file.EventTarget is null ? Child.WriteAsync(hostOffset & _offsetMask, source, cancellationToken: cancellationToken)
            : FireAndWriteAsync(hostOffset, source, cancellationToken);

    /// <summary>Takes clusters for guest clusters from <paramref name="guestFirst"/> on. Under the metadata lock.</summary>
    /// <exception cref="RefcountTableFullException">Nothing was taken.</exception>
    public ValueTask<ClusterRun> TakeAsync(long guestFirst, long wanted) =>
        IsExternal
            ? new(new ClusterRun(guestFirst + _geometry.ClusterIndex(ExternalOffset.Mark), wanted))
            : _allocator.AllocateAsync(wanted);

    /// <summary>Gives back clusters that no entry refers to yet. Under the metadata lock.</summary>
    public ValueTask GiveBackAsync(ClusterRun run) => IsExternal ? default : _allocator.ReleaseAsync(run);

    /// <summary>Makes data durable that is not in the image file.</summary>
    public ValueTask FlushAsync() => External?.FlushAsync() ?? default;

    /// <summary>Entries of whole clusters are about to say "zero": keeps the promise of a raw file.</summary>
    public async ValueTask ZeroAsync(long start, long end, ZeroFlags flags)
    {
        if (!IsRaw) return;
        end = Math.Min(end, Child.Length);
        if (start < end) await Child.WriteZeroesAsync(start, end - start, flags).ConfigureAwait(false);
    }

    /// <summary>Entries of whole clusters are about to let go of their storage.</summary>
    public async ValueTask DiscardAsync(long start, long end, bool passDown)
    {
        await ZeroAsync(start, end, passDown ? ZeroFlags.MayUnmap : ZeroFlags.None).ConfigureAwait(false);
        if (!IsExternal || IsRaw || !passDown) return;
        try
        {
            end = Math.Min(end, Child.Length);
            if (start < end) await Child.DiscardAsync(start, end - start).ConfigureAwait(false);
        }
        catch (BlockException)
        {
            // Only a wish: the entries no longer show what stays there.
        }
    }

    /// <summary>Gives back the storage under clusters that stay allocated and read as zeroes by their entries.</summary>
    public async ValueTask DiscardClustersAsync(long hostOffset, long bytes)
    {
        try
        {
            await Child.DiscardAsync(InChild(hostOffset), bytes).ConfigureAwait(false);
        }
        catch (BlockException)
        {
            // Only a wish.
        }
    }

    /// <summary>Gives an external data file the size of the disk; what it held behind the old end is not shown.</summary>
    /// <param name="keepContent">The file is taken over as it is.</param>
    public async ValueTask GrowAsync(
        long old, long length, PreallocationMode mode, bool keepContent, CancellationToken cancellationToken)
    {
        if (!IsExternal) return;
        var stale = Math.Min(Child.Length, length);
        if (!keepContent
            && stale > old) await Child.WriteZeroesAsync(old, stale
                - old, cancellationToken: cancellationToken).ConfigureAwait(false);
        var storage = mode == PreallocationMode.Metadata ? PreallocationMode.Off : mode;
        if (Child.Length != length
            || storage != PreallocationMode.Off) await ResizeAsync(length, storage, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Cuts what lies behind the disk's new end.</summary>
    public ValueTask ShrinkAsync(long length) =>
        External is { } file && file.Length > length
            ? ResizeAsync(length, PreallocationMode.Off, CancellationToken.None)
            : default;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ReadAndDecryptAsync(
        ImageCipher cipher,
        long hostOffset,
        long guestOffset,
        IoSlice target,
        ReadFlags flags,
        CancellationToken cancellationToken)
    {
        await ReadStoredAsync(hostOffset, target, flags, cancellationToken).ConfigureAwait(false);
        await cipher.DecryptAsync(InChild(hostOffset), guestOffset, target).ConfigureAwait(false);
    }

    /// <summary>What guests wrote stays as it is in their memory.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask EncryptAndWriteAsync(
        ImageCipher cipher, long hostOffset, long guestOffset, IoSlice source, CancellationToken cancellationToken)
    {
        using var buffer = _buffers.Rent((int)Math.Min(source.Length, PieceBytes));
        for (long done = 0; done < source.Length;)
        {
            var piece = buffer.Memory[..(int)Math.Min(source.Length - done, PieceBytes)];
            await cipher.EncryptAsync(
                InChild(hostOffset) + done, guestOffset + done, source.Slice(done, piece.Length), piece).ConfigureAwait(false);
            await WriteStoredAsync(hostOffset + done, piece, cancellationToken).ConfigureAwait(false);
            done += piece.Length;
        }
    }

    /// <summary>Events are the image file's, also where the data is elsewhere.</summary>
    private async ValueTask FireAndReadAsync(
        long hostOffset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        await _file.FireAsync(BlkdebugEvent.ReadAio, cancellationToken).ConfigureAwait(false);
        await Child.ReadAsync(InChild(hostOffset), target, flags, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask FireAndWriteAsync(long hostOffset, IoSlice source, CancellationToken cancellationToken)
    {
        await _file.FireAsync(BlkdebugEvent.WriteAio, cancellationToken).ConfigureAwait(false);
        await Child.WriteAsync(InChild(hostOffset), source, cancellationToken: cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask ResizeAsync(long length, PreallocationMode mode, CancellationToken cancellationToken)
    {
        try
        {
            await Child.ResizeAsync(length, new ResizeOptions(mode, MayExceed: true), cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException e) when (e.Kind == BlockErrorKind.NotSupported && Child.Length >= length)
        {
            // A device that is large enough.
        }
    }
}
