// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Qmp;
using Fixture;

[assembly: PluginEntry(typeof(ForgottenDelegatePlugin))]

namespace Fixture;

/// <summary>Leaves a delegate in the runtime, and forgets it when it stops.</summary>
public sealed class ForgottenDelegatePlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new QmpSignal("FORGETFUL"));

    public override ValueTask StartAsync(IPluginHost host, CancellationToken cancellationToken)
    {
        AppDomain.CurrentDomain.DomainUnload += OnDomainUnload;
        return ValueTask.CompletedTask;
    }

    private void OnDomainUnload(object? sender, EventArgs e)
    {
    }
}
