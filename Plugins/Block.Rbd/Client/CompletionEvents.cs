// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Rbd.Native;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.Rbd.Client;

/// <summary>An eventfd, by which Ceph says that something is to be fetched. It must outlive the image.</summary>
internal sealed unsafe class CompletionEvents : IDisposable
{
    private readonly FileDescriptor _descriptor;
    private readonly Lock _lock = new();
    private bool _isClosed;

    /// <exception cref="Block.BlockException">The system has no more descriptors.</exception>
    public CompletionEvents()
    {
        var descriptor = Libc.eventfd(0, Libc.EFD_CLOEXEC);
        if (descriptor < 0)
            throw SystemError.Exception("Could not create an eventfd", SystemError.Last);
        _descriptor = new FileDescriptor(descriptor);
    }

    public void Attach(ImageHandle image) => CephLibraries.Check(
        Librbd.rbd_set_image_notification(image, _descriptor.Value, Librbd.EventFd), "Could not follow the image's completions");

    /// <summary>Until something has come since the last time, or this was woken.</summary>
    public void Wait()
    {
        ulong count;
        _ = Libc.read(_descriptor.Value, &count, sizeof(ulong));
    }

    /// <summary>From any thread at any time: the number may be another file's once this is closed.</summary>
    public void Wake()
    {
        ulong one = 1;
        lock (_lock)
        {
            if (!_isClosed)
                _ = Libc.write(_descriptor.Value, &one, sizeof(ulong));
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _isClosed = true;
            _descriptor.Dispose();
        }
    }
}
