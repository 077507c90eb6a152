// SPDX-License-Identifier: MIT
using BlockHost.Chain.Tests.Disks;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins;

namespace BlockHost.Chain.Tests;

/// <summary>The protocol "cut": <see cref="CutDisks"/> by file names such as cut:top.</summary>
internal sealed class CutPlugin(CutDisks disks) : Plugin
{
    public const string Protocol = "cut";

    public override void Register(IPluginRegistry registry) =>
        registry.Add(new DiskDriver(Protocol, name => new Disk(disks, disks.Open(name))));

    private sealed class Disk(CutDisks disks, MemoryImage image) : IDisk
    {
        public MemoryImage Image => image;

        public ValueTask DoAsync(DiskRequest request, long offset, long bytes, Action action)
        {
            if (request == DiskRequest.Read)
                action();
            else
                disks.Change(action);
            return ValueTask.CompletedTask;
        }
    }
}
