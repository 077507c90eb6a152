// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Qmp;
using Fixture;

[assembly: PluginEntry(typeof(NewerContractPlugin), BlockHost.Contract.Major, BlockHost.Contract.Minor + 7)]

namespace Fixture;

/// <summary>Says that it was compiled against a contract that does not exist yet.</summary>
public sealed class NewerContractPlugin : Plugin
{
    public NewerContractPlugin() => Environment.SetEnvironmentVariable("FIXTURE_NEWER_CONTRACT_RAN", "1");

    public override void Register(IPluginRegistry registry) => registry.Add(new QmpSignal("NEWER_CONTRACT"));
}
