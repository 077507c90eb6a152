// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using Microsoft.Win32.SafeHandles;

namespace BlockHost.Posix;

/// <summary>A stream over what "/dev/fdset/N" stands for.</summary>
public static class PassedFile
{
    /// <returns>Null with the reason where the set has nothing for this access.</returns>
    public static FileStream? TryOpen(IPassedDescriptors passed, string path, FileMode mode, FileAccess access, out int errno)
    {
        var flags = access switch
        {
            FileAccess.Read => OpenFlags.ReadOnly,
            FileAccess.Write => OpenFlags.WriteOnly,
            _ => OpenFlags.ReadWrite,
        };
        using var file = FileDescriptor.TryOpen(passed, path, flags, 0, out errno);
        if (file is null)
            return null;
        var stream = new FileStream(new SafeFileHandle(file.Detach(), ownsHandle: true), access, bufferSize: 0);
        if (mode is FileMode.Create or FileMode.Truncate && stream.CanSeek)
            stream.SetLength(0);
        else if (mode == FileMode.Append && stream.CanSeek)
            stream.Seek(0, SeekOrigin.End);
        return stream;
    }
}
