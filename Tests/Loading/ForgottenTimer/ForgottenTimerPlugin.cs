// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Qmp;
using Fixture;

[assembly: PluginEntry(typeof(ForgottenTimerPlugin))]

namespace Fixture;

/// <summary>Starts a timer, forgets it when it stops, and fails whenever it runs.</summary>
public sealed class ForgottenTimerPlugin : Plugin
{
    private ITimer? _timer;

    public override void Register(IPluginRegistry registry) => registry.Add(new QmpSignal("TICKING"));

    public override ValueTask StartAsync(IPluginHost host, CancellationToken cancellationToken)
    {
        _timer = host.Clock.CreateTimer(
            _ => throw new InvalidOperationException("tick"), this, TimeSpan.Zero, TimeSpan.FromMilliseconds(1));
        return ValueTask.CompletedTask;
    }
}
