// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Rbd.Client;
using BlockHost.Plugins.Block.Rbd.Native;
using BlockHost.Remote;

namespace BlockHost.Plugins.Block.Rbd;

/// <summary>What is done with an image beside reading and writing it.</summary>
internal sealed partial class RbdNode : IResizable, IReopenable, IImageInfo, ISnapshotStore, IInactivatable
{
    private static ReadOnlySpan<byte> LuksMagic => [(byte)'L', (byte)'U', (byte)'K', (byte)'S', 0xBA, 0xBE, 0];

    /// <summary>Owns the session from here on, also where it fails.</summary>
    /// <exception cref="BlockException">What the image says of itself cannot be, or the options do not allow it.</exception>
    public static async ValueTask<RbdNode> CreateAsync(
        IBlockNodeContext context, ImageSession session, Lifeline lifeline, JsonElement options, RbdOptions typed,
        Version librbd)
    {
        try
        {
            var size = await session.RunAsync(image => MeasureImage(image, typed.Image)).ConfigureAwait(false);
            return new RbdNode(context, session, lifeline, options, typed, size, librbd);
        }
        catch
        {
            await session.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        if (options.Preallocation != PreallocationMode.Off)
            throw new BlockException(
                BlockErrorKind.NotSupported,
                $"Unsupported preallocation mode '{options.Preallocation.ToString().ToLowerInvariant()}'");
        await _resizing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await ResizeImageAsync(length).ConfigureAwait(false);
        }
        finally
        {
            _resizing.Release();
        }
    }

    /// <summary>Nothing of what says which image this is can change, and a snapshot stays as it is.</summary>
    public ValueTask<IReopenStep> PrepareReopenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken)
    {
        OptionChanges.Refuse(_options, options);
        var writable = !context.ReadOnly;
        if (writable && _isSnapshot)
            throw new BlockException(
                BlockErrorKind.InvalidArgument, $"Cannot change node '{context.NodeName}' to r/w when using RBD snapshot");
        if (writable && _session.IsReadOnly)
            throw new BlockException(
                BlockErrorKind.PermissionDenied, "The user of the cluster may not write the image", Errno.EACCES);
        return new(new Reopening(this, writable));
    }

    public async ValueTask<ImageFacts> GetFactsAsync(CancellationToken cancellationToken)
    {
        var info = new RbdInfo { EncryptionFormat = await EncryptionAsync(cancellationToken).ConfigureAwait(false) };
        return new ImageFacts
        {
            ClusterSize = _objectSize,
            Dirty = false,
            Specific = JsonSerializer.SerializeToElement(info, RbdJson.Default.RbdInfo),
        };
    }

    public ValueTask<IReadOnlyList<SnapshotRecord>> ListAsync(CancellationToken cancellationToken) =>
        _session.RunAsync(ImageSnapshots.List);

    public ValueTask<SnapshotRecord> CreateAsync(SnapshotRecord snapshot, CancellationToken cancellationToken) =>
        _session.RunAsync(image => ImageSnapshots.Create(image, snapshot), isPatient: true);

    public async ValueTask ApplyAsync(string idOrName, CancellationToken cancellationToken)
    {
        await RunAsync(image => ImageSnapshots.Apply(image, idOrName), isPatient: true).ConfigureAwait(false);
        await FollowSizeAsync().ConfigureAwait(false);
    }

    public ValueTask DeleteAsync(string id, string? name, CancellationToken cancellationToken) =>
        RunAsync(image => ImageSnapshots.Delete(image, id, name), isPatient: true);

    public async ValueTask ShowAsync(string id, CancellationToken cancellationToken)
    {
        await RunAsync(image => ImageSnapshots.Show(image, id)).ConfigureAwait(false);
        // The node's length stays: what the snapshot has less of reads as zeroes.
        Volatile.Write(ref _size, await SizeNowAsync().ConfigureAwait(false));
    }

    public ValueTask ReadVmStateAsync(long offset, IoSlice target, CancellationToken cancellationToken) =>
        throw new BlockException(BlockErrorKind.NotSupported, "An rbd image holds no state of a machine");

    public ValueTask WriteVmStateAsync(long offset, IoSlice source, CancellationToken cancellationToken) =>
        throw new BlockException(BlockErrorKind.NotSupported, "An rbd image holds no state of a machine");

    /// <summary>What librbd has cached was flushed before.</summary>
    public ValueTask InactivateAsync(CancellationToken cancellationToken) => default;

    public async ValueTask ActivateAsync(CancellationToken cancellationToken)
    {
        await RunAsync(image => CephLibraries.Check(
            Librbd.rbd_invalidate_cache(image), "Failed to invalidate the cache")).ConfigureAwait(false);
        await FollowSizeAsync().ConfigureAwait(false);
    }

    private static unsafe ImageSize MeasureImage(ImageHandle image, string name)
    {
        CephLibraries.Check(
            Librbd.rbd_stat(image, out var status, (nuint)sizeof(ImageStatus)), $"error getting image info from {name}");
        // With encryption loaded the size is that of the disk, without its header.
        CephLibraries.Check(Librbd.rbd_get_size(image, out var size), $"error getting image info from {name}");
        return status.ObjectSize is > 0 and <= long.MaxValue
            ? new ImageSize(size, (long)status.ObjectSize)
            : throw new BlockException(
                BlockErrorKind.InvalidArgument, $"The image has objects of an impossible size of {status.ObjectSize} bytes");
    }

    private async ValueTask<RbdImageEncryptionFormat?> EncryptionAsync(CancellationToken cancellationToken)
    {
        var head = new byte[LuksMagic.Length + 1];
        if (_isEncrypted || Size < head.Length)
            return null;
        await ReadAsync(0, head, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        return head.AsSpan().StartsWith(LuksMagic)
            ? head[^1] switch { 1 => RbdImageEncryptionFormat.Luks, 2 => RbdImageEncryptionFormat.Luks2, _ => null }
            : null;
    }

    private async ValueTask GrowAsync(long offset, long bytes)
    {
        if (offset > MaxLength - bytes)
            throw new BlockException(BlockErrorKind.InvalidArgument, "The image would be too large", Errno.EFBIG);
        await _resizing.WaitAsync().ConfigureAwait(false);
        try
        {
            if (offset + bytes > Size)
                await ResizeImageAsync(offset + bytes).ConfigureAwait(false);
        }
        finally
        {
            _resizing.Release();
        }
    }

    private async ValueTask ResizeImageAsync(long length)
    {
        await RunAsync(image => ImageSizing.Set(image, (ulong)length, _session.HeaderBytes), isPatient: true)
            .ConfigureAwait(false);
        SetSize(length);
    }

    private async ValueTask FollowSizeAsync()
    {
        var size = await SizeNowAsync().ConfigureAwait(false);
        if (size == Size)
            return;
        SetSize(size);
        _context.ProfileChanged();
    }

    private async ValueTask<long> SizeNowAsync() =>
        Checked(await _session.RunAsync(ImageSizing.Get).ConfigureAwait(false));

    private void SetSize(long size)
    {
        Volatile.Write(ref _size, size);
        Volatile.Write(ref _profile, Profile with { Length = Rounded(size) });
    }

    private async ValueTask RunAsync(Action<ImageHandle> call, bool isPatient = false) => await _session.RunAsync(
        image =>
        {
            call(image);
            return true;
        },
        isPatient).ConfigureAwait(false);

    private sealed class Reopening(RbdNode node, bool writable) : IReopenStep
    {
        public void Commit() =>
            Volatile.Write(ref node._profile, node.Profile with { Writable = writable, Growable = writable });

        public ValueTask AbortAsync() => default;
    }
}
