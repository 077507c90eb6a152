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
        Skip.IfNot(StorageDaemon.IsThere("qemu-img"), "needs qemu-img");
        await Images.MakeAsync(_folder);
        await using var bed = await HostBed.StartAsync();
        await bed.ExecuteAsync($$"""{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"b","file":{"driver":"file","filename":"{{_folder}}/base.qcow2"} } }""");
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

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
