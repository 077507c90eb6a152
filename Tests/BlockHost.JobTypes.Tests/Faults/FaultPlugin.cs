// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using BlockHost.Chain.Tests.Disks;
using BlockHost.Plugins;

namespace BlockHost.JobTypes.Tests.Faults;

/// <summary>The protocol "fault": disks by file names such as fault:top, made when they are first named.</summary>
internal sealed class FaultPlugin(int seed) : Plugin
{
    public const string Protocol = "fault";

    private readonly ConcurrentDictionary<string, FaultDisk> _disks = [];

    public Traffic Traffic { get; } = new();

    public SingleFailure Failure { get; } = new();

    public FaultDisk this[string name] => _disks.GetOrAdd(name, _ => new FaultDisk(seed, Traffic, Failure));

    public override void Register(IPluginRegistry registry) => registry.Add(new DiskDriver(Protocol, name => this[name]));
}
