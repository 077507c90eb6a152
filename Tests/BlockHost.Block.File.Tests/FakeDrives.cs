// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Block.File.Devices;
using BlockHost.Posix;

namespace BlockHost.Block.File.Tests;

/// <summary>
/// A drive whose medium the test puts in and takes out. A medium that is new cannot be read until the drive is opened anew.
/// </summary>
internal abstract unsafe class FakeDrive(string path, string file) : FakeDevices(path, file)
{
    private FileDescriptor? _reader;

    public bool HasMedium { get; protected set; }

    public bool WriteProtected { get; set; }

    protected bool Changed { get; set; }

    public override FileDescriptor? TryOpen(IPassedDescriptors? passed, string path, int flags, out int errno)
    {
        if (path == Path && WriteProtected && OpenFlags.AccessOf(flags) != FileAccess.Read)
        {
            errno = Errno.EROFS;
            return null;
        }

        // Without O_NONBLOCK a drive that is empty does not open.
        if (path == Path && !HasMedium && (flags & OpenFlags.NonBlocking) == 0)
        {
            errno = Errno.ENOMEDIUM;
            return null;
        }

        var opened = base.TryOpen(passed, path, flags, out errno);
        _reader = path == Path ? opened : _reader;
        return opened;
    }

    public override FileDescriptor? TryOpenAgain(FileDescriptor file, string path, int flags, out int errno)
    {
        var again = base.TryOpenAgain(file, path, flags, out errno);
        if (_reader is not null && again is not null)
            _ = Libc.dup2(again.Value, _reader.Value);
        return again;
    }

    public void Insert(byte[] content)
    {
        System.IO.File.WriteAllBytes(File, content);
        Remove();
        HasMedium = true;
    }

    /// <summary>What is open reads nothing any more.</summary>
    public void Remove()
    {
        HasMedium = false;
        Changed = true;
        if (_reader is not { Value: >= 0 } reader)
            return;

        // Reading there is EIO: nothing is mapped at the start.
        using var broken = FileDescriptor.Open("/proc/self/mem", OpenFlags.ReadOnly);
        _ = Libc.dup2(broken.Value, reader.Value);
    }
}

internal sealed unsafe class FakeCdrom(string path, string file) : FakeDrive(path, file)
{
    public bool TrayOpen { get; private set; }

    public bool Locked { get; private set; }

    /// <summary>Not every drive has a lock.</summary>
    public bool CanLock { get; set; } = true;

    public override int Control(FileDescriptor file, nuint request, void* argument) =>
        !IsDevice(file) ? -LinuxError.ENOTTY : request switch
        {
            CdromKind.DriveStatus => TrayOpen ? CdromKind.TrayOpen : HasMedium ? CdromKind.DiscOk : 1,
            CdromKind.MediaChanged => TakeChanged(),
            CdromKind.Eject => Eject(),
            CdromKind.CloseTray => Close(),
            CdromKind.LockDoor => Lock((nint)argument != 0),
            _ => base.Control(file, request, argument),
        };

    private int TakeChanged()
    {
        var changed = Changed;
        Changed = false;
        return changed ? 1 : 0;
    }

    /// <summary>The kernel opens no tray while somebody else has the drive open.</summary>
    private int Eject()
    {
        if (Locked || OpenCount > 1)
            return -Errno.EBUSY;
        TrayOpen = true;
        Remove();
        return 0;
    }

    private int Close()
    {
        TrayOpen = false;
        return 0;
    }

    private int Lock(bool locked)
    {
        if (!CanLock)
            return -LinuxError.ENOTSUP;
        Locked = locked;
        return 0;
    }
}

internal sealed unsafe class FakeFloppy(string path, string file) : FakeDrive(path, file)
{
    public bool HasMotor { get; set; } = true;

    public override FileDescriptor? TryOpenAgain(FileDescriptor file, string path, int flags, out int errno)
    {
        Changed = false;
        return base.TryOpenAgain(file, path, flags, out errno);
    }

    public override int Control(FileDescriptor file, nuint request, void* argument)
    {
        if (!IsDevice(file))
            return -LinuxError.ENOTTY;
        switch (request)
        {
            case FloppyKind.GetDriveState or FloppyKind.PollDriveState:
                ((FloppyKind.DriveState*)argument)->Flags =
                    (HasMedium ? 0 : FloppyKind.ChangeLine) | (Changed ? FloppyKind.Changed : 0);
                return 0;
            case FloppyKind.FlushBuffers:
                return 0;
            case FloppyKind.Eject when HasMotor && OpenCount == 1:
                Remove();
                return 0;
            case FloppyKind.Eject:
                return HasMotor ? -Errno.EBUSY : -Errno.EINVAL;
            default:
                return base.Control(file, request, argument);
        }
    }
}
