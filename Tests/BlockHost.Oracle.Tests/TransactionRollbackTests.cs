// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;
using BlockHost.Oracle.Tests.Support;

namespace BlockHost.Oracle.Tests;

/// <summary>Random transactions of all kinds of actions, each of which fails in the end: all is as it was.</summary>
public sealed class TransactionRollbackTests : IDisposable
{
    private static readonly string[] Nodes = ["t", "t", "q", "q", "o", "r", "s0"];
    private static readonly string[] Syncs = ["full", "top", "none", "incremental", "bitmap"];

    private readonly string _folder = Directory.CreateTempSubdirectory("rollback").FullName;

    [SkippableTheory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Graph_bitmaps_jobs_and_files_are_as_before(int seed)
    {
        Skip.IfNot(InstalledPrograms.Has("qemu-img"), "needs qemu-img");
        await Images.MakeAsync(_folder);
        await using (var bed = await BedAsync())
        {
            var random = new Random(seed);
            var before = await StateAsync(bed);
            for (var i = 0; i < 25; i++)
            {
                var actions = Enumerable.Range(
                    0, random.Next(1, 6)).Select(_ => Action(random)).Append("""{"type":"abort","data":{}}""");
                var request = $$$"""{"execute":"transaction","arguments":{"actions":[{{{string.Join(",", actions)}}}]}}""";
                var answer = await bed.ExecuteAsync(request);
                Assert.True(answer["error"] is not null, request);
                var after = await StateAsync(bed);
                Assert.True(before == after, $"{request}\n{answer}\nbefore {before}\nafter  {after}");
            }
        }

        foreach (var image in new[] { "base", "middle", "top", "other", "q" })
        {
            Assert.Contains(
                "No errors were found", await StorageDaemon.RunAsync("qemu-img", "check", $"{_folder}/{image}.qcow2"));
            Assert.Empty(await StorageDaemon.RunAsync("qemu-img", "snapshot", "-l", $"{_folder}/{image}.qcow2"));
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private async Task<HostBed> BedAsync()
    {
        await StorageDaemon.RunAsync("qemu-img", "create", "-q", "-f", "qcow2", $"{_folder}/q.qcow2", "10M");
        var bed = await HostBed.StartAsync();
        foreach (var (name, options) in new[]
        {
            ("t", $$""" "driver":"qcow2","file":{"driver":"file","filename":"{{_folder}}/top.qcow2"} """),
            ("q", $$""" "driver":"qcow2","file":{"driver":"file","filename":"{{_folder}}/q.qcow2"} """),
            ("o", $$""" "driver":"qcow2","backing":null,"file":{"driver":"file","filename":"{{_folder}}/other.qcow2"} """),
            ("r", $$""" "driver":"raw","file":{"driver":"file","filename":"{{_folder}}/disk.raw"} """),
            ("n", """ "driver":"null-co","size":10485760 """),
        })
        {
            await DoAsync(bed, "blockdev-add", $"\"node-name\":\"{name}\",{options}");
            foreach (var bitmap in new[] { "b0", "b1" })
                await DoAsync(bed, "block-dirty-bitmap-add", $"\"node\":\"{name}\",\"name\":\"{bitmap}\"");
        }

        return bed;
    }

    private static async Task DoAsync(HostBed bed, string command, string arguments)
    {
        var answer = await bed.ExecuteAsync($$$"""{"execute":"{{{command}}}","arguments":{ {{{arguments}}} } }""");
        Assert.True(answer["error"] is null, answer.ToJsonString());
    }

    private async Task<string> StateAsync(HostBed bed)
    {
        var answers = new List<string>();
        foreach (var query in new[] { "query-named-block-nodes", "x-debug-query-block-graph", "query-jobs", "query-block" })
            answers.Add(Answers.WithoutOwnWays(Answers.Normalise(await bed.ExecuteAsync($$"""{"execute":"{{query}}"}"""))));
        return string.Join("\n", answers.Concat(Directory.GetFiles(_folder).Order(StringComparer.Ordinal)));
    }

    private string Action(Random random)
    {
        var (node, bitmap) = (Nodes[random.Next(Nodes.Length)], $"b{random.Next(5) / 2}");
        return random.Next(11) switch
        {
            0 => Make("blockdev-snapshot-internal-sync", ("device", node), ("name", $"snapshot{random.Next(2)}")),
            1 or 2 => Overlay(node, $"s{random.Next(2)}"),
            3 => Make("blockdev-snapshot", ("node", node), ("overlay", "o")),
            4 => Make("block-dirty-bitmap-add", ("node", node), ("name", bitmap)),
            5 => Make("block-dirty-bitmap-remove", ("node", node), ("name", bitmap)),
            6 => Make("block-dirty-bitmap-clear", ("node", node), ("name", bitmap)),
            7 =>
                Make(
                    random.Next(2) == 0 ? "block-dirty-bitmap-enable" : "block-dirty-bitmap-disable",
                    ("node", node),
                    ("name", bitmap)),
            8 => Make("block-dirty-bitmap-merge", ("node", node), ("target", bitmap), ("bitmaps", new JsonArray("b0", "b1"))),
            9 => Backup("blockdev-backup", node, "n", random),
            _ => Backup("drive-backup", node, $"{_folder}/copy{random.Next(2)}.img", random),
        };
    }

    private string Overlay(string node, string name) => Make(
        "blockdev-snapshot-sync",
        ("node-name", node),
        ("snapshot-node-name", name),
        ("snapshot-file", $"{_folder}/{name}.qcow2"));

    private static string Backup(string kind, string node, string target, Random random)
    {
        var sync = Syncs[random.Next(Syncs.Length)];
        var members = new List<(string, JsonNode)> { ("device", node), ("target", target), (
            "job-id", $"j{random.Next(3)}"), ("sync", sync) };
        if (sync is "incremental" or "bitmap")
            members.AddRange([("bitmap", "b0"), ("bitmap-mode", "on-success")]);
        return Make(kind, [.. members]);
    }

    private static string Make(string type, params (string Name, JsonNode Value)[] members) => new JsonObject
    {
        ["type"] = type,
        ["data"] = new JsonObject(members.Select(member => KeyValuePair.Create(member.Name, (JsonNode?)member.Value))),
    }.ToJsonString();
}
