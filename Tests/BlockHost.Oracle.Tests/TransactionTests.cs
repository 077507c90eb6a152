// SPDX-License-Identifier: MIT
using BlockHost.Oracle.Tests.Support;

namespace BlockHost.Oracle.Tests;

/// <summary>What qemu-storage-daemon 7.2 cannot be asked: it ends in an assertion.</summary>
public sealed class TransactionTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("transaction").FullName;

    [SkippableFact]
    public async Task A_chain_of_snapshots_is_taken_back_whole_and_its_files_are_gone()
    {
        Skip.IfNot(InstalledPrograms.Has("qemu-img"), "needs qemu-img");
        await Images.MakeAsync(_folder);
        await using var bed = await HostBed.StartAsync();
        await bed.ExecuteAsync(
            $$"""{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"b","file":{"driver":"file","filename":"{{_folder}}/base.qcow2"} } }""");
        const string Graph = """{"execute":"x-debug-query-block-graph"}""";
        var before = Answers.Normalise(await bed.ExecuteAsync(Graph));

        var answer = await bed.ExecuteAsync(
            $$"""
            {"execute":"transaction","arguments":{"actions":[
                {"type":"blockdev-snapshot-sync","data":{"node-name":"b","snapshot-file":"{{_folder}}/s1.qcow2","snapshot-node-name":"s1"} },
                {"type":"blockdev-snapshot-sync","data":{"node-name":"s1","snapshot-file":"{{_folder}}/s2.qcow2","snapshot-node-name":"s2"} },
                {"type":"abort","data":{} }]} }
            """);

        Assert.Equal("Transaction aborted using Abort action", (string?)answer["error"]?["desc"]);
        Assert.Equal(before, Answers.Normalise(await bed.ExecuteAsync(Graph)));
        Assert.False(File.Exists($"{_folder}/s1.qcow2") || File.Exists($"{_folder}/s2.qcow2"));
    }

    [SkippableFact]
    public async Task An_internal_snapshot_is_taken_back_and_leaves_a_clean_image_that_reads_as_before()
    {
        Skip.IfNot(InstalledPrograms.Has("qemu-img"), "needs qemu-img");
        await Images.MakeAsync(_folder);
        var image = $"{_folder}/base.qcow2";
        await StorageDaemon.RunAsync("qemu-img", "convert", "-O", "raw", image, $"{_folder}/before.raw");
        await using (var bed = await HostBed.StartAsync())
        {
            await bed.ExecuteAsync(
                $$"""{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"b","file":{"driver":"file","filename":"{{image}}"} } }""");
            await bed.ExecuteAsync(
                """
                {"execute":"transaction","arguments":{"actions":[
                    {"type":"blockdev-snapshot-internal-sync","data":{"device":"b","name":"one"} },
                    {"type":"blockdev-snapshot-internal-sync","data":{"device":"b","name":"two"} },
                    {"type":"abort","data":{} }]} }
                """);
        }

        Assert.Empty(await StorageDaemon.RunAsync("qemu-img", "snapshot", "-l", image));
        Assert.Contains("No errors were found", await StorageDaemon.RunAsync("qemu-img", "check", image));
        await StorageDaemon.RunAsync("qemu-img", "compare", image, "-F", "raw", $"{_folder}/before.raw");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
