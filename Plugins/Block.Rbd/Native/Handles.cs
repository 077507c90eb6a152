// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace BlockHost.Plugins.Block.Rbd.Native;

/// <summary>
/// A connection to a cluster. Closing waits for it: the owner closes on a thread that may, and never leaves that to the
/// finalizer.
/// </summary>
internal sealed class ClusterHandle : SafeHandle
{
    public ClusterHandle(nint value)
        : base(0, ownsHandle: true) => SetHandle(value);

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        Librados.rados_shutdown(handle);
        return true;
    }
}

/// <summary>A pool of a cluster, which stays connected as long as this is open.</summary>
internal sealed class PoolHandle : SafeHandle
{
    private readonly ClusterHandle _cluster;

    public PoolHandle(nint value, ClusterHandle cluster)
        : base(0, ownsHandle: true)
    {
        _cluster = cluster;
        var isKept = false;
        cluster.DangerousAddRef(ref isKept);
        SetHandle(value);
    }

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        Librados.rados_ioctx_destroy(handle);
        _cluster.DangerousRelease();
        return true;
    }
}

/// <summary>An open image, whose pool stays open as long as this is.</summary>
internal sealed class ImageHandle : SafeHandle
{
    private readonly PoolHandle _pool;

    public ImageHandle(nint value, PoolHandle pool)
        : base(0, ownsHandle: true)
    {
        _pool = pool;
        var isKept = false;
        pool.DangerousAddRef(ref isKept);
        SetHandle(value);
    }

    public override bool IsInvalid => handle == 0;

    /// <summary>What closing said, once it is closed: below zero, an errno value.</summary>
    public int CloseResult { get; private set; }

    protected override bool ReleaseHandle()
    {
        CloseResult = Librbd.rbd_close(handle);
        _pool.DangerousRelease();
        return CloseResult >= 0;
    }
}
