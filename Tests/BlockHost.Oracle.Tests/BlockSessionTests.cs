// SPDX-License-Identifier: MIT
using System.Text;
using BlockHost.Oracle.Tests.Support;

namespace BlockHost.Oracle.Tests;

/// <summary>The same sessions against the real daemon and this host: the same answers.</summary>
public sealed class BlockSessionTests
{
    private const string Nodes = """{"execute":"query-named-block-nodes"}""";
    private const string Flat = """{"execute":"query-named-block-nodes","arguments":{"flat":true}}""";
    private const string Graph = """{"execute":"x-debug-query-block-graph"}""";

    [SkippableFact]
    public Task A_chain_of_qcow2_images() => CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"top","file":{"driver":"file","filename":"DIR/top.qcow2"}}}""",
        Nodes,
        Flat,
        Graph,
        """{"execute":"query-block"}""",
        """{"execute":"query-blockstats"}""",
        """{"execute":"blockdev-del","arguments":{"node-name":"top"}}""",
        Flat);

    [SkippableFact]
    public Task Definitions_that_cannot_be_opened() => CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"file","node-name":"f","filename":"DIR/disk.raw"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"file","node-name":"f","filename":"DIR/disk.raw"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"file","node-name":"1f","filename":"DIR/disk.raw"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"file","filename":"DIR/disk.raw"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"nope","node-name":"n","filename":"DIR/disk.raw"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"file","node-name":"n","filename":"DIR/absent.raw"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"file","node-name":"n"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"raw","node-name":"n","file":"nope"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"n","file":"f"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"file","node-name":"toolong8901234567890123456789012","filename":"DIR/disk.raw"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"file","node-name":"n","filename":"DIR/disk.raw","bogus":1}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"file","node-name":"n","filename":"DIR/disk.raw","detect-zeroes":"unmap"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"file","node-name":"n","filename":"DIR/disk.raw","force-share":true}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"raw","node-name":"n","file":{"driver":"file","filename":"DIR/disk.raw","node-name":"f"}}}""",
        Flat);

    [SkippableFact]
    public Task Disks_as_long_as_can_be_and_longer() => CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"null-co","node-name":"n1","size":9223372036854775807}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"null-co","node-name":"n2","size":9223372035781033985}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"null-co","node-name":"n3","size":9223372035781033984}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"raw","node-name":"r","file":{"driver":"null-co","size":9223372035781033985}}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"raw","node-name":"r","file":"n3"}}""",
        Flat);

    [SkippableFact]
    public Task Overlays_that_cannot_be() => CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"top","file":{"driver":"file","filename":"DIR/top.qcow2"},"backing":{"driver":"qcow2","node-name":"mid","backing":null,"file":{"driver":"file","filename":"DIR/middle.qcow2"}}}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"o","backing":null,"file":{"driver":"file","filename":"DIR/other.qcow2"}}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"copy-on-read","node-name":"c","file":"o"}}""",
        """{"execute":"blockdev-snapshot","arguments":{"node":"top","overlay":"c"}}""",
        """{"execute":"blockdev-del","arguments":{"node-name":"c"}}""",
        """{"execute":"blockdev-snapshot","arguments":{"node":"o","overlay":"o"}}""",
        """{"execute":"blockdev-snapshot","arguments":{"node":"top","overlay":"mid"}}""",
        Graph);

    [SkippableFact]
    public Task Nodes_in_use_and_their_permissions() => CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"file","node-name":"f","filename":"DIR/disk.raw"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"raw","node-name":"r1","file":"f"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"raw","node-name":"r2","file":"f","read-only":true}}""",
        Graph,
        """{"execute":"blockdev-del","arguments":{"node-name":"f"}}""",
        """{"execute":"blockdev-del","arguments":{"node-name":"nope"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"q1","file":{"driver":"file","filename":"DIR/base.qcow2","node-name":"fq"}}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"q2","file":{"driver":"file","filename":"DIR/base.qcow2"}}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"q2","file":{"driver":"file","filename":"DIR/base.qcow2"},"read-only":true}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"q2","file":{"driver":"file","filename":"DIR/base.qcow2"},"read-only":true,"force-share":true}}""",
        Graph,
        """{"execute":"blockdev-del","arguments":{"node-name":"fq"}}""",
        Flat);

    [SkippableFact]
    public Task Resizing() => CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"q","file":{"driver":"file","filename":"DIR/base.qcow2"}}}""",
        """{"execute":"block_resize","arguments":{"node-name":"q","size":20971520}}""",
        """{"execute":"block_resize","arguments":{"node-name":"q","size":-1}}""",
        """{"execute":"block_resize","arguments":{"node-name":"nope","size":1}}""",
        """{"execute":"block_resize","arguments":{"device":"nope","size":1}}""",
        """{"execute":"block_resize","arguments":{"size":1}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"raw","node-name":"ro","read-only":true,"file":{"driver":"file","filename":"DIR/disk.raw"}}}""",
        """{"execute":"block_resize","arguments":{"node-name":"ro","size":20971520}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"null-co","node-name":"null"}}""",
        """{"execute":"block_resize","arguments":{"node-name":"null","size":20971520}}""",
        """{"execute":"block-set-write-threshold","arguments":{"node-name":"q","write-threshold":4096}}""",
        """{"execute":"block-set-write-threshold","arguments":{"node-name":"nope","write-threshold":4096}}""",
        Flat);

    [SkippableFact]
    public Task Reopening() => CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"b","file":{"driver":"file","filename":"DIR/top.qcow2","node-name":"fb"}}}""",
        """{"execute":"blockdev-reopen","arguments":{"options":[{"driver":"qcow2","node-name":"b","file":"fb","read-only":true}]}}""",
        """{"execute":"blockdev-reopen","arguments":{"options":[{"driver":"raw","node-name":"b","file":"fb","read-only":true}]}}""",
        """{"execute":"blockdev-reopen","arguments":{"options":[{"driver":"qcow2","file":"fb","read-only":true}]}}""",
        """{"execute":"blockdev-reopen","arguments":{"options":[{"driver":"qcow2","node-name":"nope","file":"fb"}]}}""",
        """{"execute":"blockdev-reopen","arguments":{"options":[{"driver":"qcow2","node-name":"b","file":"fb","read-only":true,"backing":null}]}}""",
        Flat,
        Graph,
        """{"execute":"blockdev-reopen","arguments":{"options":[{"driver":"qcow2","node-name":"b","file":{"driver":"file","filename":"DIR/top.qcow2","node-name":"fb"},"backing":null}]}}""",
        Flat,
        """{"execute":"blockdev-reopen","arguments":{"options":[{"driver":"qcow2","node-name":"b","file":{"driver":"file","filename":"DIR/other.qcow2","node-name":"fb"},"backing":null}]}}""",
        """{"execute":"blockdev-reopen","arguments":{"options":[{"driver":"file","node-name":"fb","filename":"DIR/top.qcow2","read-only":true}]}}""",
        """{"execute":"blockdev-reopen","arguments":{"options":[{"driver":"qcow2","node-name":"b","file":"fb","backing":"nope"}]}}""",
        Graph);

    [SkippableFact]
    public Task Snapshots() => CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"base","file":{"driver":"file","filename":"DIR/base.qcow2"}}}""",
        """{"execute":"blockdev-snapshot-sync","arguments":{"node-name":"base","snapshot-file":"DIR/sn.qcow2"}}""",
        """{"execute":"blockdev-snapshot-sync","arguments":{"node-name":"nope","snapshot-file":"DIR/sn.qcow2"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"ov","file":{"driver":"file","filename":"DIR/other.qcow2"},"backing":null}}""",
        """{"execute":"blockdev-snapshot","arguments":{"node":"base","overlay":"nope"}}""",
        """{"execute":"blockdev-snapshot","arguments":{"node":"base","overlay":"ov"}}""",
        Flat,
        Graph,
        """{"execute":"blockdev-snapshot","arguments":{"node":"base","overlay":"ov"}}""",
        """{"execute":"blockdev-del","arguments":{"node-name":"base"}}""",
        """{"execute":"change-backing-file","arguments":{"device":"ov","image-node-name":"ov","backing-file":"DIR/x.qcow2"}}""",
        """{"execute":"change-backing-file","arguments":{"device":"ov","image-node-name":"base","backing-file":"DIR/x.qcow2"}}""",
        """{"execute":"blockdev-del","arguments":{"node-name":"ov"}}""",
        """{"execute":"blockdev-del","arguments":{"node-name":"base"}}""",
        Flat);

    private static async Task CompareAsync(params string[] requests)
    {
        Skip.IfNot(InstalledPrograms.Has("qemu-storage-daemon") && InstalledPrograms.Has("qemu-img"), "needs QEMU's programs");
        var folder = Directory.CreateTempSubdirectory("session").FullName;
        try
        {
            var lines = requests.Select(request => request.Replace("DIR", folder)).ToArray();
            await Images.MakeAsync(folder);
            var expected = await StorageDaemon.AskAsync(lines);
            await Images.MakeAsync(folder);
            await using var bed = await HostBed.StartAsync();
            var differences = new StringBuilder();
            for (var i = 0; i < lines.Length; i++)
            {
                var (real, ours) = (Answers.Normalise(expected[i]), Answers.Normalise(await bed.ExecuteAsync(lines[i])));
                if (real != ours)
                    differences.AppendLine().AppendLine(requests[i]).AppendLine($"  real: {real}").AppendLine($"  ours: {ours}");
            }

            Assert.True(differences.Length == 0, differences.ToString());
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
