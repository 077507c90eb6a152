// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.CommandLine;
using BlockHost.Images;

namespace BlockHost.Tools.Nbd;

/// <summary>--selinux-label: the label that the kernel gives to sockets which this thread makes.</summary>
internal static class SelinuxContext
{
    /// <exception cref="ToolException">The kernel has no SELinux, or refuses the label.</exception>
    public static void Set(string label)
    {
        try
        {
            File.WriteAllText("/proc/thread-self/attr/sockcreate", label);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            var errno =
                e is UnauthorizedAccessException ? Errno.EACCES : e is FileNotFoundException ? Errno.ENOENT : Errno.EINVAL;
            throw new ToolException($"Cannot set SELinux socket create context to {label}: {ImageErrors.Text(errno)}");
        }
    }
}
