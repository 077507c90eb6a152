// SPDX-License-Identifier: MIT
using System.Globalization;
using BlockHost.Block;
using BlockHost.Net;

namespace BlockHost.Plugins;

/// <summary>
/// Descriptors that a manager has opened for this process and handed over: those of numbered sets, which have file names
/// (<see cref="DescriptorSetName"/>), and those that a monitor's client has given names.
/// </summary>
public interface IPassedDescriptors
{
    /// <summary>A set's descriptor that is open for just this access, under a number of its own.</summary>
    /// <param name="path">"/dev/fdset/N".</param>
    /// <param name="access">What it has to be open for.</param>
    /// <param name="errno">Why there is none.</param>
    /// <returns>Null: there is no such set, or nothing in it with this access.</returns>
    /// <exception cref="BlockException">The path names no set.</exception>
    PassedDescriptor? TryOpen(string path, FileAccess access, out int errno);

    /// <summary>
    /// The descriptor, of whatever kind, that a client has given this name, which is the caller's from then on; null: there is
    /// none.
    /// </summary>
    int? Take(string name) => null;

    /// <summary>
    /// The address with the number of the descriptor that its name stands for, which is the caller's from then on. Other
    /// addresses, and the numbers of the command line, stay as they are.
    /// </summary>
    /// <exception cref="BlockException">There is no descriptor of that name.</exception>
    SocketAddress Resolve(SocketAddress address);
}

/// <summary>A descriptor out of a set, which knows that it is in use.</summary>
public abstract class PassedDescriptor : IDisposable
{
    public abstract int Value { get; }

    /// <summary>One more of the same.</summary>
    public abstract PassedDescriptor? TryDuplicate(out int errno);

    /// <summary>Closes it.</summary>
    public abstract void Dispose();
}

/// <summary>"/dev/fdset/2": a file name that stands for a descriptor of a set.</summary>
public static class DescriptorSetName
{
    private const string Prefix = "/dev/fdset/";

    public static bool IsNamed(string path) => path.StartsWith(Prefix, StringComparison.Ordinal);

    /// <exception cref="BlockException">The path names no set.</exception>
    public static int Parse(string path) =>
        IsNamed(path) && int.TryParse(path.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var set)
            ? set
            : throw new BlockException(BlockErrorKind.InvalidArgument, $"Could not parse fdset {path}", Errno.EINVAL);
}

/// <summary>Of a host that takes none.</summary>
internal sealed class NoPassedDescriptors : IPassedDescriptors
{
    public static NoPassedDescriptors Instance { get; } = new();

    public PassedDescriptor? TryOpen(string path, FileAccess access, out int errno)
    {
        _ = DescriptorSetName.Parse(path);
        errno = Errno.ENOSYS;
        return null;
    }

    public SocketAddress Resolve(SocketAddress address) => address;
}
