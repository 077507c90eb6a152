// SPDX-License-Identifier: MIT
using System.Net.Sockets;
using System.Text.Json.Nodes;
using BlockHost.Block;
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Graph;
using BlockHost.Posix;

namespace BlockHost.Commands.Migration.Tests;

/// <summary>A disk, its bitmaps and a device's state go from one host to another on the same image.</summary>
public sealed class MoveTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("bh").FullName;

    private string Image => Path.Combine(_folder, "disk.qcow2");

    private string SocketPath => Path.Combine(_folder, "s");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("tcp")]
    [InlineData("unix")]
    [InlineData("fd")]
    [InlineData("exec")]
    [InlineData("file")]
    public async Task It_goes_on_there_with_what_was_written_here(string protocol)
    {
        await using var source = await SourceAsync();
        await using var destination = await DestinationAsync();
        var device = new FixtureDevice { State = "ring at 7" };
        var arrived = new FixtureDevice();
        using var here = source.Host.Machine.AddDevice("disk0", device);
        using var there = destination.Host.Machine.AddDevice("disk0", arrived);
        Assert.True(device.IsRunning);
        await using (var guest = await GuestAsync(source))
            await WriteAsync(guest, 65536, 7);

        await MoveAsync(source, destination, protocol);

        Assert.Equal("postmigrate", await source.RunStateAsync());
        Assert.Equal("running", await destination.RunStateAsync());
        Assert.Equal("ring at 7", arrived.State);
        Assert.True(arrived.IsRunning);
        Assert.False(device.IsRunning);
        Assert.All(source.Host.Graph.Nodes, node => Assert.False(node.IsActive));
        await using var other = await GuestAsync(destination);
        Assert.Equal(7, await ReadAsync(other, 65536));
        await WriteAsync(other, 0, 8);
        Assert.Equal(
            ["MIGRATION setup", "MIGRATION_PASS", "MIGRATION active", "STOP", "MIGRATION_PASS", "MIGRATION completed"],
            source.Events.Where(told => !told.StartsWith("JOB_", StringComparison.Ordinal)));
        Assert.Equal(["MIGRATION setup", "MIGRATION active", "RESUME", "MIGRATION completed"], destination.Events);
        Assert.Equal(
            "Can't migrate the vm that was paused due to previous migration",
            await source.FailAsync("migrate", """{"uri":"tcp:127.0.0.1:1"}"""));
        Assert.Equal(
            "The incoming migration has already been started",
            await destination.FailAsync("migrate-incoming", """{"uri":"tcp:127.0.0.1:1"}"""));
    }

    [SkippableFact]
    public async Task It_moves_there_and_back_under_a_writer_with_its_bitmap_and_device()
    {
        Skip.IfNot(InstalledPrograms.Has("qemu-img"), "qemu-img is not installed");
        const int moves = 4;
        var (model, written, device) = (new byte[1 << 20], new SortedSet<long>(), new FixtureDevice { State = "0" });
        var source = await SourceAsync();
        await AddBitmapAsync(source, "lasting", persistent: true);
        var here = source.Host.Machine.AddDevice("disk0", device);
        var random = new Random(Seed: 3);
        for (var move = 1; move <= moves; move++)
        {
            var destination = await DestinationAsync();
            var arrived = new FixtureDevice();
            var there = destination.Host.Machine.AddDevice("disk0", arrived);
            device.State = $"{move}";
            await source.SetCapabilitiesAsync("dirty-bitmaps");
            var from = source;
            var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var writing = Task.Run(() => WriteUntilRefusedAsync(from, model, written, random, begun));
            await begun.Task;
            await MoveAsync(source, destination, "unix");
            await writing;
            Assert.Equal($"{move}", arrived.State);
            here.Dispose();
            await source.DisposeAsync();
            (source, device, here) = (destination, arrived, there);
            var bitmap = Disk(source).DirtyBitmaps.Get("lasting");
            Assert.All(written, offset => Assert.True(bitmap.IsDirty(offset)));
        }

        Assert.True(written.Count > moves);
        here.Dispose();
        await source.DisposeAsync();
        var raw = Path.Combine(_folder, "model.raw");
        await File.WriteAllBytesAsync(raw, model);
        using var compare = System.Diagnostics.Process.Start(
            "qemu-img", ["compare", "-q", "-f", "qcow2", "-F", "raw", Image, raw]);
        await compare.WaitForExitAsync();
        Assert.Equal(0, compare.ExitCode);
    }

    [Fact]
    public async Task Bitmaps_go_along_and_record_there()
    {
        await using var source = await SourceAsync();
        await using var destination = await DestinationAsync();
        await AddBitmapAsync(source, "lasting", persistent: true);
        await AddBitmapAsync(source, "passing", persistent: false);
        await AddBitmapAsync(source, "resting", persistent: false, disabled: true);
        await using (var guest = await GuestAsync(source))
            await WriteAsync(guest, 3 << 16, 7);
        await source.SetCapabilitiesAsync("dirty-bitmaps");

        await MoveAsync(source, destination, "unix");

        var bitmaps = Disk(destination).DirtyBitmaps;
        Assert.Equal(["lasting", "passing", "resting"], bitmaps.Named.Select(bitmap => bitmap.Name!).Order());
        Assert.True(bitmaps.Get("lasting").IsPersistent);
        Assert.False(bitmaps.Get("passing").IsPersistent);
        Assert.False(bitmaps.Get("resting").Enabled);
        Assert.Equal((65536, 65536, 0), Counts(bitmaps));
        await using (var guest = await GuestAsync(destination))
            await WriteAsync(guest, 5 << 16, 8);
        Assert.Equal((131072, 131072, 0), Counts(bitmaps));
        Assert.All(bitmaps.Named, bitmap => Assert.False(bitmap.IsBusy));
        Assert.Equal(3, Disk(source).DirtyBitmaps.Named.Count);

        // What is stored when it closes there is what it recorded there.
        await destination.RunAsync("blockdev-del", """{"node-name":"disk"}""");
        await destination.AddDiskAsync(Image);
        Assert.Equal(131072, Disk(destination).DirtyBitmaps.Get("lasting").DirtyBytes);
        Assert.False(Disk(destination).DirtyBitmaps.Get("lasting").IsInconsistent);
    }

    [Fact]
    public async Task A_persistent_bitmap_that_does_not_go_along_is_in_the_image()
    {
        await using var source = await SourceAsync();
        await using var destination = await DestinationAsync();
        await AddBitmapAsync(source, "lasting", persistent: true);
        await using (var guest = await GuestAsync(source))
            await WriteAsync(guest, 3 << 16, 7);

        await MoveAsync(source, destination, "unix");

        Assert.Equal(65536, Disk(destination).DirtyBitmaps.Get("lasting").DirtyBytes);
        Assert.Empty(Disk(source).DirtyBitmaps.Named);
    }

    [Fact]
    public async Task Names_and_persistence_change_on_the_way_as_they_are_mapped()
    {
        await using var source = await SourceAsync();
        await using var destination = await DestinationAsync();
        await AddBitmapAsync(source, "a", persistent: false);
        await AddBitmapAsync(source, "left", persistent: false);
        await source.SetCapabilitiesAsync("dirty-bitmaps");
        await source.RunAsync(
            "migrate-set-parameters",
            """{"block-bitmap-mapping":[{"node-name":"disk","alias":"d","bitmaps":[{"name":"a","alias":"x"}]}]}""");
        await destination.RunAsync(
            "migrate-set-parameters",
            """{"block-bitmap-mapping":[{"node-name":"disk","alias":"d","bitmaps":[{"name":"b","alias":"x","transform":{"persistent":true}}]}]}""");

        await MoveAsync(source, destination, "unix");

        var bitmap = Assert.Single(Disk(destination).DirtyBitmaps.Named);
        Assert.Equal(("b", true), (bitmap.Name, bitmap.IsPersistent));
    }

    [Fact]
    public async Task It_waits_before_the_switch_where_it_is_asked_to_and_can_be_cancelled_there()
    {
        await using var source = await SourceAsync();
        await using var destination = await DestinationAsync();
        await AddBitmapAsync(source, "lasting", persistent: true);
        await source.SetCapabilitiesAsync("pause-before-switchover", "dirty-bitmaps");
        await ListenAsync(destination, "unix");
        await source.RunAsync("migrate", Uri("unix"));
        await source.WaitAsync("pre-switchover");

        Assert.Equal("finish-migrate", await source.RunStateAsync());
        Assert.All(source.Host.Graph.Nodes, node => Assert.True(node.IsActive));
        Assert.True(Disk(source).DirtyBitmaps.Get("lasting").IsBusy);
        Assert.Equal("Migration is not finalized yet", await source.FailAsync("cont"));
        Assert.Equal(
            "Migration not in expected state: pre-switchover", await source.FailAsync("migrate-continue", """{"state":"device"}"""));
        Assert.Equal(
            "There's a migration process in progress",
            await source.FailAsync("migrate-set-capabilities", """{"capabilities":[{"capability":"events","state":false}]}"""));
        Assert.Equal("There's a migration process in progress", await source.FailAsync("migrate", Uri("unix")));
        await source.RunAsync("migrate_cancel");
        await source.WaitAsync("cancelled");

        Assert.Equal("running", await source.RunStateAsync());
        Assert.Equal(
            ["MIGRATION pre-switchover", "MIGRATION cancelling", "RESUME", "MIGRATION cancelled"], source.Events.TakeLast(4));
        Assert.False(Disk(source).DirtyBitmaps.Get("lasting").IsBusy);
        await destination.WaitAsync("failed");
        Assert.Equal("inmigrate", await destination.RunStateAsync());
        Assert.Empty(Disk(destination).DirtyBitmaps.Named);

        // It can be tried again, as nothing has happened.
        await ListenAsync(destination, "unix");
        await source.RunAsync("migrate", Uri("unix"));
        await source.WaitAsync("pre-switchover");
        await source.RunAsync("migrate-continue", """{"state":"pre-switchover"}""");
        await source.WaitAsync("completed");
        Assert.Equal("running", await destination.RunStateAsync());
    }

    [Fact]
    public async Task A_yank_ends_it_as_failed_on_both_sides_and_the_source_goes_on()
    {
        await using var source = await SourceAsync();
        await using var destination = await DestinationAsync();
        await source.SetCapabilitiesAsync("pause-before-switchover");
        await ListenAsync(destination, "unix");
        Assert.Contains("migration", (await destination.RunAsync("query-yank")).ToJsonString(), StringComparison.Ordinal);
        await source.RunAsync("migrate", Uri("unix"));
        await source.WaitAsync("pre-switchover");
        await source.RunAsync("yank", """{"instances":[{"type":"migration"}]}""");
        await source.WaitAsync("failed");
        await UntilAsync(async () => await source.RunStateAsync() == "running");
        await destination.WaitAsync("failed");
        Assert.DoesNotContain("migration", (await source.RunAsync("query-yank")).ToJsonString(), StringComparison.Ordinal);
        await using var guest = await GuestAsync(source);
        await WriteAsync(guest, 0, 9);
    }

    [Fact]
    public async Task A_yank_frees_the_source_of_a_destination_that_hangs_when_it_has_all()
    {
        await using var source = await SourceAsync();
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(SocketPath));
        listener.Listen();
        await source.RunAsync("migrate", Uri("unix"));
        using var destination = await listener.AcceptAsync();
        await ReadToTheEndAsync(destination);
        Assert.All(source.Host.Graph.Nodes, node => Assert.False(node.IsActive));
        // It may have gone on: it is too late to cancel.
        await source.RunAsync("migrate_cancel");
        Assert.Equal("active", await source.StatusAsync());

        await source.RunAsync("yank", """{"instances":[{"type":"migration"}]}""");

        await source.WaitAsync("failed");
        await UntilAsync(async () => await source.RunStateAsync() == "running");
        await using var guest = await GuestAsync(source);
        await WriteAsync(guest, 0, 9);
    }

    /// <summary>The description is what comes last.</summary>
    private static async Task ReadToTheEndAsync(Socket socket)
    {
        var (text, buffer) = (new System.Text.StringBuilder(), new byte[4096]);
        while (!text.ToString().EndsWith("]}", StringComparison.Ordinal))
        {
            var got = await socket.ReceiveAsync(buffer);
            Assert.NotEqual(0, got);
            text.Append(System.Text.Encoding.Latin1.GetString(buffer, 0, got));
        }
    }

    [Fact]
    public async Task A_yank_ends_a_command_that_gives_nothing_with_all_that_it_has_started()
    {
        var sign = $"8{Random.Shared.Next(1_000_000):D6}";
        await using var source = await SourceAsync();
        await using var destination = await DestinationAsync();
        await destination.RunAsync("migrate-incoming", $$"""{"uri":"exec:(sleep {{sign}}; true) | cat"}""");
        await UntilAsync(() => Task.FromResult(Processes.WithArgument(sign).Count == 3));

        await destination.RunAsync("yank", """{"instances":[{"type":"migration"}]}""");

        await destination.WaitAsync("failed");
        await UntilAsync(() => Task.FromResult(Processes.WithArgument(sign).Count == 0));
    }

    [Fact]
    public async Task A_destination_that_cannot_have_the_images_says_so_and_the_source_goes_on()
    {
        await using var source = await SourceAsync();
        await using var destination = await MigrationHost.StartAsync(waitsForState: true);
        await destination.AddDiskAsync(Image);
        // Somebody else on the destination's host has its image.
        await using var third = await MigrationHost.StartAsync(waitsForState: false);
        using var arrived = destination.Host.Machine.AddDevice("d", new FixtureDevice { RefuseState = "no such ring" });
        using var device = source.Host.Machine.AddDevice("d", new FixtureDevice());
        await ListenAsync(destination, "unix");
        await source.RunAsync("migrate", Uri("unix"));
        await source.WaitAsync("failed");
        Assert.Equal(
            "The destination could not go on with the machine", (string?)(await source.RunAsync("query-migrate"))["error-desc"]);
        Assert.Equal("no such ring", (string?)(await destination.RunAsync("query-migrate"))["error-desc"]);
        await UntilAsync(async () => await source.RunStateAsync() == "running");
        Assert.All(source.Host.Graph.Nodes, node => Assert.True(node.IsActive));
    }

    [Fact]
    public async Task A_writer_that_cannot_do_without_keeps_the_machine_here()
    {
        await using var source = await SourceAsync();
        await using var destination = await DestinationAsync();
        await using var writer = await GuestAsync(source, allowInactive: false);
        await ListenAsync(destination, "unix");
        await source.RunAsync("migrate", Uri("unix"));
        await source.WaitAsync("failed");
        Assert.Equal(
            "Failed to inactivate all nodes: Operation not permitted",
            (string?)(await source.RunAsync("query-migrate"))["error-desc"]);
        await UntilAsync(async () => await source.RunStateAsync() == "running");
        await WriteAsync(writer, 0, 9);
    }

    [Fact]
    public async Task A_command_that_fails_fails_the_migration()
    {
        await using var source = await SourceAsync();
        await source.RunAsync("migrate", """{"uri":"exec:cat > /dev/null; exit 3"}""");
        await source.WaitAsync("failed");
        Assert.Equal(
            "Command exited with non-zero status 3", (string?)(await source.RunAsync("query-migrate"))["error-desc"]);
        await UntilAsync(async () => await source.RunStateAsync() == "running");
    }

    [Theory]
    [InlineData("qcow2")]
    [InlineData("raw")]
    public async Task After_it_has_gone_the_source_can_take_everything_back_where_nobody_has_it(string format)
    {
        await using var source = await SourceAsync();
        await source.RunAsync("blockdev-del", """{"node-name":"disk"}""");
        await source.AddDiskAsync(Image, format);
        await using var guest = await GuestAsync(source);
        await source.RunAsync("migrate", $$"""{"uri":"file:{{_folder}}/state"}""");
        await source.WaitAsync("completed");
        await using (var destination = await DestinationAsync(format))
        {
            await using var other = await GuestAsync(destination);
            await destination.RunAsync("migrate-incoming", $$"""{"uri":"file:{{_folder}}/state"}""");
            await destination.WaitAsync("completed");
            Assert.StartsWith("Failed to get", await source.FailAsync("cont"), StringComparison.Ordinal);
            Assert.Equal("postmigrate", await source.RunStateAsync());
        }

        await source.RunAsync("cont");
        Assert.Equal("running", await source.RunStateAsync());
        await WriteAsync(guest, 0, 9);
    }

    [Fact]
    public async Task A_machine_that_did_not_run_does_not_run_there()
    {
        await using var source = await SourceAsync();
        await using var destination = await DestinationAsync();
        await source.RunAsync("stop");
        await MoveAsync(source, destination, "unix");
        Assert.Equal("paused", await destination.RunStateAsync());
        Assert.All(destination.Host.Graph.Nodes, node => Assert.True(node.IsActive));
        await destination.RunAsync("cont");
        Assert.Equal("running", await destination.RunStateAsync());
    }

    [Fact]
    public async Task One_that_is_told_to_stop_while_it_waits_activates_its_images_late_where_that_is_asked_for()
    {
        await using var source = await SourceAsync();
        await using var destination = await DestinationAsync();
        await destination.SetCapabilitiesAsync("late-block-activate");
        await destination.RunAsync("stop");
        await MoveAsync(source, destination, "unix");
        Assert.Equal("paused", await destination.RunStateAsync());
        Assert.All(destination.Host.Graph.Nodes, node => Assert.False(node.IsActive));
        await destination.RunAsync("cont");
        Assert.All(destination.Host.Graph.Nodes, node => Assert.True(node.IsActive));
    }

    private async Task<MigrationHost> SourceAsync()
    {
        var host = await MigrationHost.StartAsync();
        await host.RunAsync("blockdev-create", $$"""{"job-id":"c1","options":{"driver":"file","filename":"{{Image}}","size":0} }""");
        await EndAsync(host, "c1");
        await host.RunAsync("blockdev-add", $$"""{"driver":"file","node-name":"f","filename":"{{Image}}"}""");
        await host.RunAsync("blockdev-create", """{"job-id":"c2","options":{"driver":"qcow2","file":"f","size":1048576}}""");
        await EndAsync(host, "c2");
        await host.RunAsync("blockdev-del", """{"node-name":"f"}""");
        await host.AddDiskAsync(Image);
        return host;
    }

    private async Task<MigrationHost> DestinationAsync(string format = "qcow2")
    {
        var host = await MigrationHost.StartAsync(waitsForState: true);
        await host.AddDiskAsync(Image, format);
        return host;
    }

    private static async Task EndAsync(MigrationHost host, string job)
    {
        await UntilAsync(async () => (string?)(await host.RunAsync("query-jobs"))[0]?["status"] == "concluded");
        var concluded = (await host.RunAsync("query-jobs"))[0]!;
        Assert.Null(concluded["error"]);
        await host.RunAsync("job-dismiss", $$"""{"id":"{{job}}"}""");
    }

    private async Task MoveAsync(MigrationHost source, MigrationHost destination, string protocol)
    {
        var isLater = protocol is "exec" or "file";
        if (!isLater)
            await ListenAsync(destination, protocol);
        await source.RunAsync("migrate", Uri(protocol));
        await source.WaitAsync("completed");
        if (isLater)
            await ListenAsync(destination, protocol);
        await destination.WaitAsync("completed");
    }

    private async Task ListenAsync(MigrationHost destination, string protocol)
    {
        await destination.RunAsync("migrate-incoming", protocol switch
        {
            "tcp" => """{"uri":"tcp:127.0.0.1:0"}""",
            "exec" => $$"""{"uri":"exec:cat {{_folder}}/state"}""",
            "fd" => $$"""{"uri":"fd:{{PairOfDescriptors()}}"}""",
            _ => Uri(protocol),
        });
        if (protocol == "tcp")
            _port = (string)(await destination.RunAsync("query-migrate"))["socket-address"]![0]!["port"]!;
    }

    /// <summary>Connected sockets, which belong to nobody until they are taken by their numbers.</summary>
    private unsafe int PairOfDescriptors()
    {
        var pair = stackalloc int[2];
        Assert.Equal(0, Libc.socketpair(Libc.AF_UNIX, Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC, 0, pair));
        _descriptor = pair[0];
        return pair[1];
    }

    private string _port = "";

    private int _descriptor;

    private string Uri(string protocol) => protocol switch
    {
        "tcp" => $$"""{"uri":"tcp:127.0.0.1:{{_port}}"}""",
        "unix" => $$"""{"uri":"unix:{{SocketPath}}"}""",
        "exec" => $$"""{"uri":"exec:cat > {{_folder}}/state"}""",
        "fd" => $$"""{"uri":"fd:{{_descriptor}}"}""",
        _ => $$"""{"uri":"file:{{_folder}}/state"}""",
    };

    private static IGraphNode Disk(MigrationHost host) => host.Host.Graph.Lookup(null, "disk");

    private static (long, long, long) Counts(IDirtyBitmaps bitmaps) =>
        (bitmaps.Get("lasting").DirtyBytes, bitmaps.Get("passing").DirtyBytes, bitmaps.Get("resting").DirtyBytes);

    private static Task AddBitmapAsync(MigrationHost host, string name, bool persistent, bool disabled = false) => host.RunAsync(
        "block-dirty-bitmap-add",
        new JsonObject { ["node"] = "disk", ["name"] = name, ["persistent"] = persistent, ["disabled"] = disabled }.ToJsonString());

    private static async Task<IBlockBackend> GuestAsync(MigrationHost host, bool allowInactive = true) =>
        await host.Host.Graph.CreateBackendAsync(
            Disk(host),
            new BackendOptions
            {
                Permissions = new(BlockPermissions.ConsistentRead | BlockPermissions.Write, BlockPermissions.All),
                AllowInactive = allowInactive,
            },
            CancellationToken.None);

    private static async Task WriteAsync(IBlockBackend guest, long offset, byte value)
    {
        await using var queue = guest.OpenQueue();
        var data = new byte[4096];
        data.AsSpan().Fill(value);
        Assert.True((await queue.WriteAsync(offset, data)).IsOk);
        Assert.True((await queue.FlushAsync()).IsOk);
    }

    /// <summary>What is answered with success is in the model; the last one is not.</summary>
    private static async Task WriteUntilRefusedAsync(
        MigrationHost host, byte[] model, SortedSet<long> written, Random random, TaskCompletionSource begun)
    {
        await using var guest = await GuestAsync(host);
        await using var queue = guest.OpenQueue();
        while (true)
        {
            var (offset, data) = (random.Next(256) * 4096L, new byte[4096]);
            random.NextBytes(data);
            var status = await queue.WriteAsync(offset, data);
            if (!status.IsOk)
            {
                Assert.Equal(Errno.EPERM, status.Errno);
                return;
            }

            data.CopyTo(model, offset);
            written.Add(offset);
            begun.TrySetResult();
            await Task.Delay(1);
        }
    }

    private static async Task<byte> ReadAsync(IBlockBackend guest, long offset)
    {
        await using var queue = guest.OpenQueue();
        var data = new byte[4096];
        Assert.True((await queue.ReadAsync(offset, data)).IsOk);
        return data[0];
    }

    private static async Task UntilAsync(Func<Task<bool>> isSo)
    {
        var end = DateTime.UtcNow + TimeSpan.FromSeconds(60);
        while (!await isSo())
        {
            Assert.True(DateTime.UtcNow < end, "It was never so");
            await Task.Delay(5);
        }
    }
}
