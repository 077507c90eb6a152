// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;
using BlockHost.Oracle.Tests.Support;
using static BlockHost.Oracle.Tests.Support.BitmapSessions;

namespace BlockHost.Oracle.Tests;

/// <summary>
/// Sessions about dirty bitmaps against the real daemon and this host: the same answers, and images that each reads as the
/// other does. A line that is no request is a command of qemu-io, or nbdinfo's, which a client of the daemon's NBD export runs.
/// </summary>
public sealed class BitmapSessionTests
{
    [SkippableFact]
    public Task Adding_and_removing() => CompareAsync(
        OpenA,
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"v2","file":{"driver":"file","filename":"DIR/v2.qcow2"}}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"raw","node-name":"r","file":{"driver":"file","filename":"DIR/disk.raw"}}}""",
        Add("nope", "b0"),
        Add("a", ""),
        Add("a", "b0", ",\"granularity\":100"),
        Add("a", "b0", ",\"granularity\":768"),
        Add("a", "b0", ",\"granularity\":-1"),
        Add("a", "b0", ",\"granularity\":4294967296"),
        Add("a", "b0", ",\"granularity\":4294967295"),
        Add("a", "b0"),
        Add("a", "b0"),
        Add("a", "b0", ",\"persistent\":true"),
        Add("a", "b1", ",\"persistent\":true,\"disabled\":true,\"granularity\":512"),
        Add("a", "b2", ",\"persistent\":true,\"granularity\":2147483648"),
        Add("v2", "b1", ",\"persistent\":true"),
        Add("v2", "b1"),
        Add("r", "b1", ",\"persistent\":true"),
        Add("r", "b1"),
        Add("a", new string('n', 1024)),
        Add("a", new string('n', 1024), ",\"persistent\":true"),
        Add("a", new string('n', 1023), ",\"persistent\":true"),
        Query,
        Do("remove", "a", "x"),
        Do("remove", "x", "x"),
        Do("remove", "a", "b0"),
        Do("remove", "a", "b0"),
        Do("remove", "a", "b1"),
        Query);

    [SkippableFact]
    public Task Recording_writes() => CompareAsync(
        OpenA,
        Serve,
        ExportA,
        Add("a", "b0"),
        Add("a", "b1", ",\"granularity\":512"),
        Add("a", "off", ",\"disabled\":true"),
        "write 0 1",
        "write 1M 64k",
        "write 100000 100",
        Query,
        Sha("b0"),
        Sha("b1"),
        Sha("off"),
        Sha("nope"),
        Do("disable", "a", "b0"),
        Do("enable", "a", "off"),
        "write 3M 1M",
        "write -z 5M 100k",
        "discard 6M 64k",
        Query,
        Sha("b0"),
        Sha("b1"),
        Sha("off"),
        Do("clear", "a", "b1"),
        Do("clear", "a", "nope"),
        Do("enable", "nope", "b1"),
        "write 15M 1M",
        Query,
        Sha("b1"),
        StopServing);

    [SkippableFact]
    public Task Merging() => CompareAsync(
        OpenA,
        """{"execute":"blockdev-add","arguments":{"driver":"null-co","node-name":"n","size":33554432}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"null-co","node-name":"same","size":16777216}}""",
        Serve,
        ExportA,
        Add("a", "b0"),
        "write 0 1",
        "write 1M 64k",
        Add("a", "b1", ",\"granularity\":4096"),
        "write 2M 100",
        Add("n", "b1"),
        Add("same", "s"),
        Merge("b1", "\"b0\",\"zz\""),
        Merge("zz", "\"b0\""),
        Merge("b1", "\"b0\",{\"node\":\"n\",\"name\":\"b1\"}"),
        Merge("b1", "\"b0\",{\"node\":\"zn\",\"name\":\"b1\"}"),
        Merge("b1", "\"b0\",{\"node\":\"n\",\"name\":\"zz\"}"),
        Sha("b1"),
        Merge("b1", "\"b0\""),
        Sha("b1"),
        """{"execute":"block-dirty-bitmap-merge","arguments":{"node":"same","target":"s","bitmaps":[{"node":"a","name":"b1"},{"node":"a","name":"b0"}]}}""",
        """{"execute":"x-debug-block-dirty-bitmap-sha256","arguments":{"node":"same","name":"s"}}""",
        """{"execute":"block-dirty-bitmap-merge","arguments":{"node":"a","target":"b1","bitmaps":[1]}}""",
        Query);

    [SkippableFact]
    public Task Transactions() => CompareAsync(
        OpenA,
        Serve,
        ExportA,
        Transaction(Action("add", "t0"), Action("add", "t1"), Action("disable", "t1")),
        "write 0 1M",
        Transaction(Action("add", "t3"), Action("clear", "nope")),
        Transaction(Action("enable", "t1"), Action("remove", "t0"), Action("remove", "t0")),
        Query,
        Transaction("""{"type":"block-dirty-bitmap-merge","data":{"node":"a","target":"t1","bitmaps":["t0"]}}""", Action("clear", "t0"), Action("disable", "t0"), Action("nope", "t0")),
        Transaction("""{"type":"block-dirty-bitmap-merge","data":{"node":"a","target":"t1","bitmaps":["t0"]}}""", Action("clear", "t0"), Action("disable", "t0"), """{"type":"abort","data":{}}"""),
        Query,
        Sha("t0"),
        Transaction("""{"type":"block-dirty-bitmap-merge","data":{"node":"a","target":"t1","bitmaps":["t0"]}}""", Action("remove", "t0")),
        """{"execute":"transaction","arguments":{"actions":[{"type":"block-dirty-bitmap-add","data":{"node":"a","name":"t9"}}],"properties":{"completion-mode":"grouped"}}}""",
        Transaction(Action("add", "t5"), Action("disable", "t5"), """{"type":"abort","data":{}}"""),
        Sha("t1"),
        Query);

    [SkippableFact]
    public Task Bitmaps_that_survive() => CompareAsync(
        OpenA,
        Serve,
        ExportA,
        Add("a", "b0", ",\"persistent\":true"),
        Add("a", "b1", ",\"persistent\":true,\"disabled\":true,\"granularity\":512"),
        Add("a", "t"),
        "write 0 100k",
        Merge("b1", "\"b0\""),
        "write 9M 100k",
        Query,
        StopServing,
        CloseA,
        OpenReadOnly,
        Query,
        Sha("b0"),
        Sha("b1"),
        Do("clear", "a", "b0"),
        Do("remove", "a", "b0"),
        Do("enable", "a", "b1"),
        Do("disable", "a", "b1"),
        Merge("b0", "\"b1\""),
        Add("a", "c", ",\"persistent\":true"),
        Do("remove", "a", "c"),
        CloseA,
        OpenA,
        Query,
        Do("remove", "a", "b1"),
        Add("a", "c", ",\"persistent\":true"),
        Query,
        CloseA,
        OpenA,
        Query,
        Do("remove", "a", "b0"),
        Do("remove", "a", "c"),
        Query,
        CloseA,
        OpenA,
        Query);

    [SkippableFact]
    public Task Reopening() => CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"file","node-name":"f","filename":"DIR/a.qcow2"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"a","file":"f"}}""",
        Serve,
        ExportA,
        Add("a", "b0", ",\"persistent\":true"),
        Add("a", "t"),
        "write 0 100k",
        StopServing,
        """{"execute":"blockdev-reopen","arguments":{"options":[{"driver":"qcow2","node-name":"a","file":"f","read-only":true}]}}""",
        Query,
        Do("clear", "a", "b0"),
        """{"execute":"blockdev-reopen","arguments":{"options":[{"driver":"qcow2","node-name":"a","file":"f"}]}}""",
        Query,
        Serve,
        ExportA,
        "write 5M 100k",
        Sha("b0"),
        StopServing,
        """{"execute":"blockdev-reopen","arguments":{"options":[{"driver":"qcow2","node-name":"a","file":"f","lazy-refcounts":true}]}}""",
        Query,
        """{"execute":"blockdev-reopen","arguments":{"options":[{"driver":"qcow2","node-name":"a","file":"f","read-only":true}]}}""",
        Sha("b0"),
        CloseA,
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"a","file":"f"}}""",
        Query);

    [SkippableFact]
    public Task Resizing() => CompareAsync(
        OpenA,
        Serve,
        ExportA,
        Add("a", "b0", ",\"persistent\":true"),
        Add("a", "t", ",\"granularity\":512"),
        "write 15M 1M",
        StopServing,
        """{"execute":"block_resize","arguments":{"node-name":"a","size":33554944}}""",
        Query,
        Sha("b0"),
        Sha("t"),
        """{"execute":"block_resize","arguments":{"node-name":"a","size":16252928}}""",
        Query,
        Sha("b0"),
        Sha("t"),
        CloseA,
        OpenA,
        Query,
        Sha("b0"));

    [SkippableFact]
    public Task Shown_to_NBD_clients() => CompareAsync(
        OpenA,
        Serve,
        ExportA,
        Add("a", "b0", ",\"granularity\":4096"),
        Add("a", "ünï", ",\"granularity\":512"),
        Add("a", "idle", ",\"disabled\":true"),
        "write 0 1",
        "write 1M 64k",
        "write 4M 1k",
        "write 16775168 2k",
        StopServing,
        Serve,
        """{"execute":"block-export-add","arguments":{"type":"nbd","id":"e","node-name":"a","name":"a","writable":true,"bitmaps":["b0","nope"]}}""",
        """{"execute":"block-export-add","arguments":{"type":"nbd","id":"e","node-name":"a","name":"a","writable":true,"bitmaps":["b0",{"node":"a","name":"nope"}]}}""",
        """{"execute":"block-export-add","arguments":{"type":"nbd","id":"e","node-name":"a","name":"a","writable":true,"bitmaps":["b0",{"node":"zn","name":"nope"}]}}""",
        """{"execute":"block-export-add","arguments":{"type":"nbd","id":"e","node-name":"a","name":"a","writable":true,"bitmaps":[1]}}""",
        """{"execute":"block-export-add","arguments":{"type":"nbd","id":"e","node-name":"a","name":"a","bitmaps":["b0"]}}""",
        """{"execute":"block-export-add","arguments":{"type":"nbd","id":"e","node-name":"a","name":"a","writable":true,"allocation-depth":true,"bitmaps":["b0",{"node":"a","name":"ünï"},"idle"]}}""",
        "nbdinfo --json",
        "nbdinfo --json --map=qemu:dirty-bitmap:b0",
        "nbdinfo --json --map=qemu:dirty-bitmap:ünï",
        "nbdinfo --json --map=qemu:dirty-bitmap:idle",
        "nbdinfo --json --map=qemu:allocation-depth",
        Query,
        Do("remove", "a", "b0"),
        Do("clear", "a", "idle"),
        Add("a", "b0"),
        "write 8M 64k",
        "nbdinfo --json --map=qemu:dirty-bitmap:b0",
        """{"execute":"block-export-add","arguments":{"type":"nbd","id":"e2","node-name":"a","name":"a2","bitmaps":["idle"]}}""",
        StopServing,
        Query,
        Do("remove", "a", "b0"),
        Serve,
        """{"execute":"block-export-add","arguments":{"type":"nbd","id":"e2","node-name":"a","name":"a","bitmaps":["idle"]}}""",
        "nbdinfo --json");

    [SkippableFact]
    public Task Shown_of_backing_files() => CompareAsync(
        OpenA,
        Serve,
        ExportA,
        Add("a", "b0"),
        "write 1M 64k",
        StopServing,
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"top","file":{"driver":"file","filename":"DIR/top.qcow2"},"backing":"a"}}""",
        Serve,
        """{"execute":"block-export-add","arguments":{"type":"nbd","id":"e","node-name":"top","name":"a","writable":true,"allocation-depth":true,"bitmaps":["b0"]}}""",
        "write 3M 64k",
        "nbdinfo --json --map=qemu:dirty-bitmap:b0",
        "nbdinfo --json --map=qemu:allocation-depth",
        Query);

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public Task Left_in_use_by_a_daemon_that_died(bool ours) => CompareAsync(
        folder => DieAsync(folder, ours),
        OpenReadOnly,
        Query,
        Do("remove", "a", "b0"),
        Do("enable", "a", "b0"),
        CloseA,
        OpenA,
        Query,
        Sha("b0"),
        Do("enable", "a", "b0"),
        Do("disable", "a", "b0"),
        Do("clear", "a", "b0"),
        Merge("b0", "\"b1\""),
        Merge("b0", "\"nope\""),
        Add("a", "t"),
        Merge("t", "\"b1\""),
        Merge("b1", "\"t\""),
        Add("a", "b0", ",\"persistent\":true"),
        Serve,
        """{"execute":"block-export-add","arguments":{"type":"nbd","id":"e","node-name":"a","name":"a","writable":true,"bitmaps":["b0"]}}""",
        ExportA,
        "write 0 64k",
        StopServing,
        """{"execute":"block_resize","arguments":{"node-name":"a","size":33554432}}""",
        Query,
        CloseA,
        OpenA,
        Query,
        Transaction(Action("remove", "b0"), Action("clear", "b1")),
        Query,
        Do("remove", "a", "b0"),
        Do("remove", "a", "b1"),
        Add("a", "b0", ",\"persistent\":true"),
        """{"execute":"block_resize","arguments":{"node-name":"a","size":33554432}}""",
        CloseA,
        OpenA,
        Query);

    [SkippableTheory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public Task Random_sequences(int seed) => CompareAsync([.. RandomSequence(new Random(seed), 60)]);

    [SkippableFact]
    public async Task Bitmaps_that_cannot_be_stored_are_told_of()
    {
        Skip.IfNot(StorageDaemon.IsThere("qemu-img"), "needs QEMU's programs");
        var folder = Directory.CreateTempSubdirectory("session").FullName;
        try
        {
            await MakeImagesAsync(folder);
            await using var bed = await HostBed.StartAsync();
            foreach (var line in new[] { OpenReadOnly, Add("a", "b0", ",\"persistent\":true"), CloseA })
                Assert.NotNull((await bed.ExecuteAsync(line.Replace("DIR", folder)))["return"]);
            Assert.Equal(["Lost persistent bitmaps during inactivation of node 'a': No write access"], bed.Warnings);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static IEnumerable<string> RandomSequence(Random random, int count)
    {
        yield return OpenA;
        yield return Serve;
        yield return ExportA;
        for (var i = 0; i < count; i++)
        {
            var name = $"b{random.Next(4)}";
            switch (random.Next(16))
            {
                case 0:
                    yield return StopServing;
                    yield return CloseA;
                    yield return OpenA;
                    yield return Query;
                    yield return Serve;
                    yield return ExportA;
                    break;
                case 1 or 2 or 3:
                    yield return Add("a", name, $",\"granularity\":{512 << random.Next(9)}{(random.Next(3) > 0 ? ",\"persistent\":true" : "")}{(random.Next(3) == 0 ? ",\"disabled\":true" : "")}");
                    break;
                case 4:
                    yield return Do(random.Next(3) == 0 ? "remove" : "clear", "a", name);
                    break;
                case 5:
                    yield return Do(random.Next(2) == 0 ? "enable" : "disable", "a", name);
                    break;
                case 6 or 7:
                    yield return Merge(name, $"\"b{random.Next(4)}\",\"b{random.Next(4)}\"");
                    break;
                case 8:
                    yield return Transaction(Action("clear", name), Action("disable", $"b{random.Next(4)}"), random.Next(2) == 0 ? Action("enable", name) : """{"type":"abort","data":{}}""");
                    break;
                case 9:
                    yield return $"discard {random.Next(200) * 65536} 64k";
                    break;
                case 10:
                    yield return $"write -z {random.Next(16 << 20)} {random.Next(1, 1000)}";
                    break;
                default:
                    var offset = random.Next(16 << 20);
                    yield return $"write {offset} {random.Next(1, Math.Min(1 << (10 + random.Next(11)), (16 << 20) - offset + 1))}";
                    break;
            }

            yield return Sha(name);
        }

        yield return Query;
        yield return StopServing;
    }

    /// <summary>Leaves a.qcow2 as a daemon that dies while it has the image open, with two bitmaps that were stored before.</summary>
    private static async Task DieAsync(string folder, Func<string, Task<JsonNode>> execute)
    {
        foreach (var line in new[] { OpenA, Add("a", "b0", ",\"persistent\":true"), Add("a", "b1", ",\"persistent\":true,\"disabled\":true"), CloseA, OpenA })
            await execute(line.Replace("DIR", folder));
        File.Copy($"{folder}/a.qcow2", $"{folder}/copy.qcow2");
        await execute(CloseA);
        File.Move($"{folder}/copy.qcow2", $"{folder}/a.qcow2", overwrite: true);
    }

    private static async Task DieAsync(string folder, bool ours)
    {
        if (ours)
        {
            await using var bed = await HostBed.StartAsync();
            await DieAsync(folder, bed.ExecuteAsync);
        }
        else
        {
            await using var daemon = await RealDaemon.StartAsync();
            await DieAsync(folder, daemon.ExecuteAsync);
        }
    }
}
