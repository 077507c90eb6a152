// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using BlockHost.Objects;
using BlockHost.Qmp;

namespace BlockHost.Core.Chardevs;

/// <summary>The character devices of the command line, by id.</summary>
public sealed class ChardevTable(IUserObjects objects, TimeProvider clock) : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, Chardev> _devices = new(StringComparer.Ordinal);

    /// <summary>Makes and starts a device.</summary>
    /// <param name="waiting">Told when a server's start waits for its first client.</param>
    public async ValueTask<Chardev> AddAsync(ChardevOptions options, Action<string>? waiting, CancellationToken cancellationToken)
    {
        if (_devices.ContainsKey(options.Id))
            throw new QmpException($"Chardev with id '{options.Id}' already exists");
        var device = Create(options, waiting);
        await device.StartAsync(cancellationToken).ConfigureAwait(false);
        return _devices[options.Id] = device;
    }

    /// <summary>The device of that id, for the one user it can have.</summary>
    public Chardev Find(string id) =>
        _devices.TryGetValue(id, out var device) ? device : throw new QmpException($"chardev \"{id}\" not found");

    public IReadOnlyList<Chardev> List() => [.. _devices.Values];

    public async ValueTask DisposeAsync()
    {
        foreach (var device in _devices.Values)
            await device.DisposeAsync().ConfigureAwait(false);
    }

    private Chardev Create(ChardevOptions options, Action<string>? waiting)
    {
        if (options is not SocketChardevOptions socket)
            return new StdioChardev(options.Id);
        var device = new SocketChardev(socket, objects, clock);
        device.Waiting += waiting;
        return device;
    }
}
