// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Qmp;
using Fixture;

[assembly: PluginEntry(typeof(PrivateContractPlugin), 1, 0)]

namespace Fixture;

/// <summary>Claims the host's contract, but refers to a later assembly of it and brings that one along.</summary>
public sealed class PrivateContractPlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new QmpSignal("PRIVATE_CONTRACT"));
}
