// SPDX-License-Identifier: MIT
using BlockHost.Block.Rbd.Tests.Cluster;

namespace BlockHost.Block.Rbd.Tests.RealCluster;

/// <summary>
/// What docs/guides/disk-on-ceph.md tells a reader to do works as it stands: a disk is made, served, snapshotted, and mirrored
/// away and back.
/// </summary>
[Collection(CephCollection.Name)]
public sealed class GuideTests(CephCluster ceph) : IDisposable
{
    public void Dispose()
    {
        foreach (var image in new[] { "guide", "back" })
        {
            ceph.TryRun("rbd", "-c", ceph.Configuration, "snap", "purge", image);
            ceph.TryRun("rbd", "-c", ceph.Configuration, "rm", image);
        }
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_guide_works(bool ours)
    {
        ceph.Require();
        Programs.Require(ours ? ["fio"] : ["fio", "qemu-img", "qemu-io", "qemu-storage-daemon"]);
        Skip.If(!ours && !CephCluster.HasQemusDriver, "QEMU's rbd driver is not installed");
        var path = ours ? SourceTree.PathOf("artifacts", "bin") + ":$PATH" : "$PATH";
        using var folder = new Folder();

        await new Guide(folder.Path, $"{path} CEPH_CONF={ceph.Configuration}; export PATH CEPH_CONF")
            .RunAsync(SourceTree.PathOf("docs", "guides", "disk-on-ceph.md"));
    }
}
