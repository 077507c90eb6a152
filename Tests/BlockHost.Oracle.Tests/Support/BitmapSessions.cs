// SPDX-License-Identifier: MIT
using System.Text;
using System.Text.Json.Nodes;

namespace BlockHost.Oracle.Tests.Support;

/// <summary>
/// Runs a session about dirty bitmaps on the real daemon and on this host. A line that is no request is a command of qemu-io, or
/// nbdinfo's, which a client of the daemon's NBD export runs.
/// </summary>
internal static class BitmapSessions
{
    public const string Query = """{"execute":"query-named-block-nodes","arguments":{"flat":true}}""";
    public const string OpenA =
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"a","file":{"driver":"file","filename":"DIR/a.qcow2"}}}""";
    public const string OpenReadOnly =
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"a","read-only":true,"file":{"driver":"file","filename":"DIR/a.qcow2"}}}""";
    public const string CloseA = """{"execute":"blockdev-del","arguments":{"node-name":"a"}}""";
    public const string Serve =
        """{"execute":"nbd-server-start","arguments":{"addr":{"type":"unix","data":{"path":"DIR/nbd.sock"}}}}""";
    public const string ExportA =
        """{"execute":"block-export-add","arguments":{"type":"nbd","id":"e","node-name":"a","name":"a","writable":true}}""";
    public const string StopServing = """{"execute":"nbd-server-stop"}""";

    public static string Add(string node, string name, string more = "") =>
        $$$"""{"execute":"block-dirty-bitmap-add","arguments":{"node":"{{{node}}}","name":"{{{name}}}"{{{more}}}}}""";

    public static string Do(string what, string node, string name) =>
        $$$"""{"execute":"block-dirty-bitmap-{{{what}}}","arguments":{"node":"{{{node}}}","name":"{{{name}}}"}}""";

    public static string Merge(string target, string sources) =>
        $$$"""{"execute":"block-dirty-bitmap-merge","arguments":{"node":"a","target":"{{{target}}}","bitmaps":[{{{sources}}}]}}""";

    public static string Sha(string name) =>
        $$$"""{"execute":"x-debug-block-dirty-bitmap-sha256","arguments":{"node":"a","name":"{{{name}}}"}}""";

    public static string Action(string what, string name) =>
        $$$"""{"type":"block-dirty-bitmap-{{{what}}}","data":{"node":"a","name":"{{{name}}}"}}""";

    public static string Transaction(params string[] actions) =>
        $$$"""{"execute":"transaction","arguments":{"actions":[{{{string.Join(",", actions)}}}]}}""";

    public static Task CompareAsync(params string[] lines) => CompareAsync(_ => Task.CompletedTask, lines);

    public static async Task CompareAsync(Func<string, Task> prepare, params string[] lines)
    {
        Skip.IfNot(InstalledPrograms.Has("qemu-storage-daemon") && InstalledPrograms.Has("qemu-img"), "needs QEMU's programs");
        var (realFolder, ourFolder) = (
            Directory.CreateTempSubdirectory("session").FullName, Directory.CreateTempSubdirectory("session").FullName);
        try
        {
            await MakeImagesAsync(realFolder);
            await MakeImagesAsync(ourFolder);
            await prepare(realFolder);
            await prepare(ourFolder);
            var differences = new StringBuilder();
            await using (var real = await RealDaemon.StartAsync())
            await using (var ours = await HostBed.StartAsync())
            {
                foreach (var line in lines)
                {
                    var expected = await RunAsync(line, realFolder, real.ExecuteAsync);
                    var actual = await RunAsync(line, ourFolder, ours.ExecuteAsync);
                    if (expected != actual)
                        differences.AppendLine().AppendLine(line).AppendLine($"  real: {expected}")
                            .AppendLine($"  ours: {actual}");
                }

                await real.QuitAsync();
            }

            await CompareImagesAsync(realFolder, ourFolder, differences);
            Assert.True(differences.Length == 0, differences.ToString());
        }
        finally
        {
            Directory.Delete(realFolder, recursive: true);
            Directory.Delete(ourFolder, recursive: true);
        }
    }

    private static async Task<string> RunAsync(string line, string folder, Func<string, Task<JsonNode>> execute)
    {
        if (line == Query)
            return string.Join(
                ' ', (await execute(line))["return"]!.AsArray().Select(node => Answers.Normalise(AboutBitmaps(node!))));
        if (line.StartsWith('{'))
            return Answers.Normalise(await execute(line.Replace("DIR", folder))).Replace(folder, "DIR");
        var uri = $"nbd+unix:///a?socket={folder}/nbd.sock";
        try
        {
            return line.StartsWith("nbdinfo ", StringComparison.Ordinal)
                ? (await StorageDaemon.RunAsync("nbdinfo", [.. line.Split(' ')[1..], uri])).Replace(folder, "DIR")
                : Done(await StorageDaemon.RunAsync("qemu-io", "-f", "raw", "-c", line, uri));
        }
        catch (InvalidOperationException e)
        {
            return e.Message.Replace(folder, "DIR");
        }
    }

    // The rest of the line tells how long it took.
    private static string Done(string output) => output.Split('\n')[0];

    // How much of a file is allocated differs between two writers of the same image.
    private static JsonObject AboutBitmaps(JsonNode node) => new()
    {
        ["node"] = node["node-name"]!.DeepClone(),
        ["ro"] = node["ro"]!.DeepClone(),
        ["dirty-bitmaps"] = node["dirty-bitmaps"]?.DeepClone(),
        ["stored"] = node["image"]!["format-specific"]?["data"]?["bitmaps"]?.DeepClone(),
    };

    /// <summary>What each side left behind: QEMU finds the same bitmaps, and nothing wrong.</summary>
    private static async Task CompareImagesAsync(string real, string ours, StringBuilder differences)
    {
        foreach (var folder in new[] { real, ours })
            await StorageDaemon.RunAsync("qemu-img", "check", "-q", $"{folder}/a.qcow2");
        var (expected, actual) = (await BitmapsAsync(real), await BitmapsAsync(ours));
        if (expected != actual)
            differences.AppendLine("image").AppendLine($"  real: {expected}").AppendLine($"  ours: {actual}");
    }

    private static async Task<string> BitmapsAsync(string folder)
    {
        await using var reader = await RealDaemon.StartAsync();
        var found = new StringBuilder();
        await reader.ExecuteAsync(OpenReadOnly.Replace("DIR", folder));
        var nodes = await reader.ExecuteAsync(Query);
        foreach (var node in nodes["return"]!.AsArray().Where(node => (string)node!["node-name"]! == "a"))
        {
            found.AppendLine(node!["image"]!["format-specific"]!["data"]!["bitmaps"]?.ToJsonString());
            foreach (var bitmap in node["dirty-bitmaps"]?.AsArray() ?? [])
                found.AppendLine(bitmap!.ToJsonString())
                    .AppendLine((await reader.ExecuteAsync(Sha((string)bitmap["name"]!))).ToJsonString());
        }

        return found.ToString();
    }

    public static async Task MakeImagesAsync(string folder)
    {
        await StorageDaemon.RunAsync("qemu-img", "create", "-q", "-f", "qcow2", $"{folder}/a.qcow2", "16M");
        await StorageDaemon.RunAsync(
            "qemu-img", "create", "-q", "-f", "qcow2", "-b", "a.qcow2", "-F", "qcow2", $"{folder}/top.qcow2");
        await StorageDaemon.RunAsync("qemu-img", "create", "-q", "-f", "qcow2", "-o", "compat=0.10", $"{folder}/v2.qcow2", "16M");
        await StorageDaemon.RunAsync("qemu-img", "create", "-q", "-f", "raw", $"{folder}/disk.raw", "1M");
    }
}
