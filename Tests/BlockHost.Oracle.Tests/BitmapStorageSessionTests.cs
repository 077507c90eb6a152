// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;
using BlockHost.Oracle.Tests.Support;
using static BlockHost.Oracle.Tests.Support.BitmapSessions;

namespace BlockHost.Oracle.Tests;

/// <summary>
/// Sessions about dirty bitmaps that images keep while they are closed, reopened, resized or left behind, against the real daemon
/// and this host.
/// </summary>
public sealed class BitmapStorageSessionTests
{
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
        Reopen(""","read-only":true"""),
        Query,
        Do("clear", "a", "b0"),
        Reopen(),
        Query,
        Serve,
        ExportA,
        "write 5M 100k",
        Sha("b0"),
        StopServing,
        Reopen(""","lazy-refcounts":true"""),
        Query,
        Reopen(""","read-only":true"""),
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
        Resize(33554944),
        Query,
        Sha("b0"),
        Sha("t"),
        Resize(16252928),
        Query,
        Sha("b0"),
        Sha("t"),
        CloseA,
        OpenA,
        Query,
        Sha("b0"));

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
        Resize(33554432),
        Query,
        CloseA,
        OpenA,
        Query,
        Transaction(Action("remove", "b0"), Action("clear", "b1")),
        Query,
        Do("remove", "a", "b0"),
        Do("remove", "a", "b1"),
        Add("a", "b0", ",\"persistent\":true"),
        Resize(33554432),
        CloseA,
        OpenA,
        Query);

    [SkippableFact]
    public async Task Bitmaps_that_cannot_be_stored_are_told_of()
    {
        Skip.IfNot(InstalledPrograms.Has("qemu-img"), "needs QEMU's programs");
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

    private static string Reopen(string more = "") =>
        $$$"""{"execute":"blockdev-reopen","arguments":{"options":[{"driver":"qcow2","node-name":"a","file":"f"{{{more}}}}]}}""";

    private static string Resize(long size) =>
        $$$"""{"execute":"block_resize","arguments":{"node-name":"a","size":{{{size}}}}}""";

    /// <summary>
    /// Leaves a.qcow2 as a daemon that dies while it has the image open, with two bitmaps that were stored before.
    /// </summary>
    private static async Task DieAsync(string folder, Func<string, Task<JsonNode>> execute)
    {
        foreach (var line in new[] { OpenA, Add(
            "a", "b0", ",\"persistent\":true"), Add("a", "b1", ",\"persistent\":true,\"disabled\":true"), CloseA, OpenA })
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
