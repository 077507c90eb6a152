// SPDX-License-Identifier: MIT
using BlockHost.Objects;
using BlockHost.Posix.Loops;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace BlockHost.Plugins.Export.VhostUserBlk;

/// <summary>The loops of all exports' rings, from the first export on until the plugin goes.</summary>
internal sealed class RingLoops : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private LoopGroup<EventLoop>? _group;

    public ILogger Log { get; set; } = NullLogger.Instance;

    private LoopGroup<EventLoop> Group
    {
        get
        {
            lock (_gate)
                return _group ??= new("vhost", static (cpus, name, thread) => new EventLoop(cpus, name, thread));
        }
    }

    /// <summary>Where a ring finds room.</summary>
    public EventLoop LeastLoaded() => Group.LeastLoaded();

    /// <summary>The loop on a thread that the user has named, until the caller leaves it.</summary>
    public EventLoop Enter(IIoThread thread) => Group.Enter(thread);

    public void Leave(IIoThread thread) => Group.Leave(thread);

    public async ValueTask DisposeAsync()
    {
        LoopGroup<EventLoop>? group;
        lock (_gate)
            (group, _group) = (_group, null);
        // Waits for threads.
        if (group is not null)
            await Task.Run(group.Dispose).ConfigureAwait(false);
    }
}
