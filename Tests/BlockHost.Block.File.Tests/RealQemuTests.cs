// SPDX-License-Identifier: MIT
using System.Diagnostics;

namespace BlockHost.Block.File.Tests;

/// <summary>Side by side with QEMU's tools: who refuses whom, and what the other reads.</summary>
[Trait("speed", "slow")]
public sealed class RealQemuTests : IDisposable
{
    private const BlockPermissions Write = BlockPermissions.ConsistentRead | BlockPermissions.Write;
    private const BlockPermissions ExclusiveWriter = BlockPermissions.All & ~BlockPermissions.Write & ~BlockPermissions.Resize;

    private readonly FileFixture _files = new();

    [SkippableFact]
    public async Task QEMU_tools_are_refused_by_our_locks_and_may_look_with_force_share()
    {
        RequireTool("qemu-img");
        var path = await CreateQcow2Async();
        await using var node = await _files.OpenAsync(path);
        await LockingTests.TakeAsync(node, Write, ExclusiveWriter);

        var info = await RunAsync("qemu-img", "info", path);
        Assert.Equal(1, info.Code);
        Assert.Contains("Failed to get shared \"write\" lock", info.Output);
        Assert.Contains($"Is another process using the image [{path}]?", info.Output);

        Assert.Equal(0, (await RunAsync("qemu-img", "info", "-U", path)).Code);
        Assert.Contains(
            "Failed to get \"write\" lock", (await RunAsync("qemu-io", "-f", "raw", "-c", "read 0 512", path)).Output);
        Assert.Contains("512 bytes", (await RunAsync("qemu-io", "-U", "-r", "-f", "raw", "-c", "read 0 512", path)).Output);
    }

    [SkippableFact]
    public async Task QEMU_tools_work_when_our_node_shares_everything()
    {
        RequireTool("qemu-io");
        var path = _files.CreateFile(1 << 20);
        await using var node = await _files.OpenAsync(path);
        await LockingTests.TakeAsync(node, Write, BlockPermissions.All);
        Assert.Equal(0, (await RunAsync("qemu-io", "-f", "raw", "-c", "write -P 0xab 4096 4096", path)).Code);
        var read = new byte[4096];
        await node.ReadAsync(4096, read, ReadFlags.None, default);
        Assert.All(read, b => Assert.Equal(0xAB, b));
    }

    [SkippableFact]
    public async Task We_are_refused_by_a_running_storage_daemon_and_say_who_it_is()
    {
        RequireTool("qemu-storage-daemon");
        var path = _files.CreateFile(1 << 20);
        using var daemon = StartDaemon(path);
        try
        {
            await WaitForLocksAsync(path);
            Assert.Equal([100, 101, 203], LockingTests.LockedBytes(path));
            await using var node = await _files.OpenAsync(path);
            var e = await Assert.ThrowsAsync<BlockException>(
                async () => await LockingTests.TakeAsync(node, BlockPermissions.Resize, BlockPermissions.All));
            Assert.Equal($"Failed to get \"resize\" lock: held by process {daemon.Id} (qemu-storage-da)", e.Message);
            e = await Assert.ThrowsAsync<BlockException>(async () => await LockingTests.TakeAsync(node, Write, ExclusiveWriter));
            Assert.Equal($"Failed to get shared \"write\" lock: held by process {daemon.Id} (qemu-storage-da)", e.Message);
            await LockingTests.TakeAsync(node, Write, BlockPermissions.All);
        }
        finally
        {
            daemon.Kill();
            await daemon.WaitForExitAsync();
        }
    }

    [SkippableFact]
    public async Task Bytes_and_holes_are_those_that_QEMU_sees()
    {
        RequireTool("qemu-img");
        var path = _files.CreateFile(1 << 20);
        await using (var node = await _files.OpenAsync(path))
        {
            await node.WriteAsync(65536, FileFixture.Pattern(65536), WriteFlags.None, default);
            await node.WriteAsync(262144, FileFixture.Pattern(131072, seed: 2), WriteFlags.None, default);
            await node.DiscardAsync(262144, 65536, default);
            await node.FlushAsync(default);
            var ours = new List<string>();
            for (long offset = 0; offset < node.Profile.Length;)
            {
                var status = await node.GetStatusAsync(offset, node.Profile.Length - offset, StatusPrecision.WantZero, default);
                ours.Add($"{offset}+{status.Bytes} {(status.Flags.HasFlag(BlockStatusFlags.Data) ? "data" : "zero")}");
                offset += status.Bytes;
            }

            var map = await RunAsync("qemu-img", "map", "-f", "raw", "--output=json", path);
            var theirs = System.Text.Json.JsonDocument.Parse(map.Output).RootElement.EnumerateArray()
                .Select(
                    e =>
                        $"{e.GetProperty("start")}+{e.GetProperty("length")} {(e.GetProperty("data").GetBoolean() ? "data" : "zero")}");
            Assert.Equal(theirs, ours);
        }

        var read = await RunAsync("qemu-io", "-f", "raw", "-c", "read -P 0 262144 65536", "-c", "read -P 0 0 65536", path);
        Assert.DoesNotContain("Pattern verification failed", read.Output);
    }

    [SkippableFact]
    public async Task A_created_file_is_the_one_that_QEMU_creates()
    {
        RequireTool("qemu-img");
        foreach (var preallocation in new[] { "off", "falloc", "full" })
        {
            var (ours, theirs) = (_files.PathOf("ours"), _files.PathOf("theirs"));
            await _files.CreateImageAsync($$"""{"filename":"{{ours}}","size":100352,"preallocation":"{{preallocation}}"}""");
            Assert.Equal(
                0,
                (await RunAsync(
                    "qemu-img", "create", "-q", "-f", "raw", "-o", $"preallocation={preallocation}", theirs, "100352")).Code);
            var (a, b) = (Status(ours), Status(theirs));
            Assert.Equal((b.Size, b.Blocks, b.Mode), (a.Size, a.Blocks, a.Mode));
        }

        static BlockHost.Posix.FileStatus Status(string path) => BlockHost.Posix.FileDescriptor.TryStatus(path)!.Value;
    }

    [SkippableFact]
    public async Task Options_of_a_new_file_have_the_order_in_which_QEMU_prints_them()
    {
        RequireTool("qemu-img");
        var options = ((Facets.IImageCreator)_files.Driver()).CreateOptions.Select(option => option.Name).ToArray();
        var (_, output) = await RunAsync(
            "qemu-img",
            "create",
            "-f",
            "raw",
            "-o",
            "extent_size_hint=65536,nocow=on,preallocation=off",
            _files.PathOf("x.img"),
            "1M");
        var printed = output.TrimEnd().Split(' ').Where(
            word => word.Contains('=') && !word.StartsWith("fmt", StringComparison.Ordinal)).Select(word => word.Split('=')[0]);
        Assert.Equal(printed, options);
    }

    public void Dispose() => _files.Dispose();

    internal static void RequireTool(string tool) =>
        Skip.IfNot(InstalledPrograms.Has(tool), $"{tool} is not installed");

    internal static async Task<(int Code, string Output)> RunAsync(string tool, params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(tool, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
        return (process.ExitCode, await output + await errors);
    }

    private async Task<string> CreateQcow2Async()
    {
        var path = _files.PathOf("disk.qcow2");
        Assert.Equal(0, (await RunAsync("qemu-img", "create", "-q", "-f", "qcow2", path, "1M")).Code);
        return path;
    }

    private Process StartDaemon(string path) => Process.Start(
        "qemu-storage-daemon",
        [
            "--blockdev", $"driver=file,node-name=f,filename={path}",
            "--nbd-server", $"addr.type=unix,addr.path={_files.PathOf("nbd.sock")}",
            "--export", "type=nbd,id=e,node-name=f,writable=on",
        ]);

    private static async Task WaitForLocksAsync(string path)
    {
        for (var i = 0; i < 100 && LockingTests.LockedBytes(path).Length < 3; i++)
            await Task.Delay(50);
    }
}
