// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Qmp;
using Fixture;

[assembly: PluginEntry(typeof(OwnThreadsPlugin))]

namespace Fixture;

/// <summary>Makes a thread of its own, which ends.</summary>
public sealed class OwnThreadsPlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new QmpSignal("OWN_THREADS"));

    public override ValueTask StartAsync(IPluginHost host, CancellationToken cancellationToken)
    {
        var thread = new Thread(() => { });
        thread.Start();
        thread.Join();
        return ValueTask.CompletedTask;
    }
}
