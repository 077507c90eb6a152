// SPDX-License-Identifier: MIT
using BlockHost.Chardevs;
using BlockHost.Plugins;
using BlockHost.Plugins.Chardev.Standard;
using BlockHost.Plugins.Chardev.Standard.Backends;

[assembly: PluginEntry(typeof(StandardPlugin))]

namespace BlockHost.Plugins.Chardev.Standard;

/// <summary>The character devices that are no sockets.</summary>
public sealed class StandardPlugin : Plugin
{
    public override void Register(IPluginRegistry registry)
    {
        foreach (var backend in Backends)
            registry.Add(backend);
        RingbufCommands.Register(registry);
    }

    private static IEnumerable<ChardevBackend> Backends =>
    [
        new NullBackend(), new FileBackend(), new PipeBackend(), new PtyBackend(), new SerialBackend("serial"),
        new SerialBackend("parallel"), new RingbufBackend("ringbuf"), new RingbufBackend("memory"), new UdpBackend(),
    ];
}
