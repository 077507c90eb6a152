// SPDX-License-Identifier: MIT
using BlockHost.Block.Graph;
using BlockHost.Virtio;
using BlockHost.Virtio.VhostUser;

namespace BlockHost.Plugins.Export.VhostUserBlk.Device;

/// <summary>virtio-blk (virtio 1.2, 5.2): a node as a guest sees it.</summary>
internal sealed class BlkDevice : VhostUserDevice, IAsyncDisposable
{
    private const BlkFeatures Always = BlkFeatures.SizeMax | BlkFeatures.SegMax | BlkFeatures.BlockSize | BlkFeatures.Flush
        | BlkFeatures.Topology | BlkFeatures.ConfigWriteCache | BlkFeatures.MultiQueue | BlkFeatures.Discard
        | BlkFeatures.WriteZeroes;

    private readonly IBlockBackend _backend;
    private readonly ushort _queueCount;
    private readonly IBlockQueue[] _queues;
    private long _length;
    private volatile bool _writeCache;
    private volatile bool _flushes;

    public BlkDevice(IBlockBackend backend, bool writable, int blockSize, ushort queueCount)
    {
        (_backend, Writable, BlockSize, _queueCount) = (backend, writable, blockSize, queueCount);
        _queues = [.. Enumerable.Range(0, queueCount).Select(_ => backend.OpenQueue())];
        _length = backend.Length;
        _writeCache = !backend.WriteThrough;
        backend.Resized += OnResized;
    }

    public override VirtioFeatures Features =>
        CommonFeatures | (VirtioFeatures)(Always | (Writable ? BlkFeatures.None : BlkFeatures.ReadOnly));

    public override int QueueCount => _queueCount;

    public bool Writable { get; }

    public int BlockSize { get; }

    /// <summary>In bytes, whole sectors.</summary>
    public long Length => Volatile.Read(ref _length) & ~(long)(BlkConfig.SectorSize - 1);

    /// <summary>
    /// Each write is durable when it completes: the guest has switched the cache off, or does not know how to flush it
    /// (virtio 1.2, 5.2.6.2).
    /// </summary>
    public bool WritesThrough => !_writeCache || !_flushes;

    public IBlockQueue Queue(int ring) => _queues[ring];

    public override void ReadConfig(Span<byte> target)
    {
        Span<byte> config = stackalloc byte[BlkConfig.Length];
        config.Clear();
        BlkConfig.Write(config, Length, BlockSize, _queueCount, _writeCache);
        config[..Math.Min(config.Length, target.Length)].CopyTo(target);
    }

    public override bool TryWriteConfig(int offset, ReadOnlySpan<byte> value)
    {
        if (offset != BlkConfig.WriteCache || value.Length != 1)
            return false;
        _writeCache = value[0] != 0;
        return true;
    }

    public override void Accept(VirtioFeatures features) => _flushes = ((BlkFeatures)features & BlkFeatures.Flush) != 0;

    public override void Reset()
    {
        _writeCache = !_backend.WriteThrough;
        _flushes = false;
    }

    public override VirtioRequest CreateRequest(Vring ring) => new BlkRequest(ring, this, Queue(ring.Index));

    /// <summary>After the last front-end.</summary>
    public async ValueTask DisposeAsync()
    {
        _backend.Resized -= OnResized;
        foreach (var queue in _queues)
            await queue.DisposeAsync().ConfigureAwait(false);
    }

    private void OnResized(IBlockBackend backend)
    {
        Volatile.Write(ref _length, backend.Length);
        OnConfigChanged();
    }
}
