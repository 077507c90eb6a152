// SPDX-License-Identifier: MIT
using BlockHost.Block.Rbd.Tests.Cluster;
using BlockHost.Conformance;
using BlockHost.Plugins.Block.Rbd;
using Xunit.Abstractions;

namespace BlockHost.Block.Rbd.Tests;

/// <summary>The kit on the driver, against a real cluster.</summary>
[Collection(CephCollection.Name)]
public sealed class RbdConformanceTests(CephCluster ceph, ITestOutputHelper output)
{
    private const int Length = 1 << 20;

    [SkippableFact]
    public async Task It_is_a_sound_driver()
    {
        ceph.Require();

        var report = await ConformanceSuite.RunAsync(
            new BlockDriverSubject
            {
                Name = "rbd",
                Driver = new RbdDriver(),
                PowerCut = false,
                CreateImage = async _ => await MakeAsync(),
            },
            new ConformanceOptions { Sequences = 2 });

        output.WriteLine(report.ToString());
        Assert.True(report.Passed, report.ToString());
    }

    private async Task<SubjectImage> MakeAsync()
    {
        var name = ceph.NewName();
        await Client.CreateAsync($$"""{"location": {{ceph.Options(name)}}, "size": {{Length}}, "cluster-size": 65536}""");
        return new SubjectImage
        {
            Options = ceph.Options(name),
            Length = Length,
            StallTransport = ceph.Freeze,
            Cleanup = () =>
            {
                ceph.Thaw();
                return default;
            },
        };
    }
}
