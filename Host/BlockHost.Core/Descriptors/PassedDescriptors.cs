// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using System.Globalization;
using BlockHost.Block;
using BlockHost.Net;
using BlockHost.Plugins;
using BlockHost.Posix;
using BlockHost.Qmp;

namespace BlockHost.Core.Descriptors;

/// <summary>The sets, and the descriptors that each monitor's client has named.</summary>
public sealed class PassedDescriptors(DescriptorSets sets) : IPassedDescriptors, IDisposable
{
    /// <summary>The monitor whose command is being run: a name is looked for among those of its clients.</summary>
    private readonly AsyncLocal<string?> _monitor = new();
    private readonly ConcurrentDictionary<(string Monitor, string Name), int> _named = [];

    public DescriptorSets Sets => sets;

    /// <summary>For the command that follows in this flow.</summary>
    public void RunFor(string monitorId) => _monitor.Value = monitorId;

    public PassedDescriptor? TryOpen(string path, FileAccess access, out int errno) =>
        sets.TryUse(DescriptorSetName.Parse(path), access, out errno);

    public SocketAddress Resolve(SocketAddress address)
    {
        if (address is not FdSocketAddress named || _monitor.Value is not { } monitor)
            return address;
        if (!_named.TryRemove((monitor, named.Str), out var descriptor))
            throw new BlockException(BlockErrorKind.NotFound, $"File descriptor named '{named.Str}' has not been found");
        if (!IsSocket(descriptor))
        {
            _ = Libc.close(descriptor);
            throw new BlockException(BlockErrorKind.InvalidArgument, $"File descriptor '{named.Str}' is not a socket");
        }

        return named with { Str = descriptor.ToString(CultureInfo.InvariantCulture) };
    }

    /// <summary>The descriptor of that name, which is the caller's from then on; null: there is none.</summary>
    public int? Take(string name) =>
        _monitor.Value is { } monitor && _named.TryRemove((monitor, name), out var descriptor) ? descriptor : null;

    /// <summary>Takes a descriptor over under a name; an older one of that name is closed.</summary>
    public void Name(string monitor, string name, int descriptor)
    {
        while (!_named.TryAdd((monitor, name), descriptor))
        {
            if (_named.TryRemove((monitor, name), out var old))
                _ = Libc.close(old);
        }
    }

    /// <exception cref="QmpException">There is none of that name.</exception>
    public void Close(string monitor, string name)
    {
        if (!_named.TryRemove((monitor, name), out var descriptor))
            throw new QmpException($"File descriptor named '{name}' not found");
        _ = Libc.close(descriptor);
    }

    public void Dispose()
    {
        foreach (var key in _named.Keys)
        {
            if (_named.TryRemove(key, out var descriptor))
                _ = Libc.close(descriptor);
        }
    }

    private static bool IsSocket(int descriptor) =>
        FileDescriptor.TryStatus($"/proc/self/fd/{descriptor}") is { Type: FileType.Socket };
}
