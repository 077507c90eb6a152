// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>
/// A daemon dies at a random moment of a migration, under a writer: the other one goes on alone, or a new one in the dead one's
/// place, and nothing is lost that the writer was told is on disk.
/// </summary>
public sealed class MigrationKillTests : IDisposable
{
    private const int Slots = 64;
    private const int Slot = 4096;

    private readonly Folder _folder = new();
    private readonly uint[] _told = new uint[Slots];
    private uint _sent;
    private volatile bool _ends;

    public void Dispose() => _folder.Dispose();

    [SkippableFact]
    public async Task Whoever_is_left_goes_on_with_everything()
    {
        Programs.Require("qemu-img");
        CommandRunner.Check(_folder.Path, "qemu-img", ["create", "-q", "-f", "qcow2", "disk.qcow2", "8M"]);
        var random = new Random(SearchSize.Of("BLOCKHOST_MIGRATION_SEED", sample: 5));
        var kills = SearchSize.Of("BLOCKHOST_MIGRATION_KILLS", sample: 4);
        var ends = new SortedDictionary<string, int>();
        for (var i = 0; i < kills; i++)
        {
            var end = await MoveAndKillAsync(killsSource: i % 2 == 0, random);
            ends[end] = ends.GetValueOrDefault(end) + 1;
            var check = CommandRunner.RunIn(_folder.Path, "qemu-img", "check", "disk.qcow2");
            Assert.True(check.ExitCode is 0 or 3, $"Only leaks are allowed: {check}");
        }

        Console.WriteLine($"{kills} kills: {string.Join(", ", ends.Select(end => $"{end.Value} {end.Key}"))}");
    }

    /// <returns>How it ended.</returns>
    private async Task<string> MoveAndKillAsync(bool killsSource, Random random)
    {
        foreach (var left in Directory.EnumerateFiles(_folder.Path).Where(file => !file.EndsWith(".qcow2", StringComparison.Ordinal)))
            File.Delete(left);
        await using var source = await ServeAsync("a");
        await using var destination = await ServeAsync("b", "--incoming", $"unix:{_folder["m"]}");
        using var here = await QmpClient.ConnectAsync(_folder["a.qmp"]);
        using var there = await QmpClient.ConnectAsync(_folder["b.qmp"]);
        _ends = false;
        var writing = WriteUntilRefusedAsync("a");
        await Task.Delay(random.Next(20));
        await here.RunAsync($$"""{"execute": "migrate", "arguments": {"uri": "unix:{{_folder["m"]}}"} }""");
        // Half of them anywhere from a millisecond to a second, the others around the switch, however fast the machine is.
        if (random.Next(2) == 0)
            await Task.Delay(TimeSpan.FromMilliseconds(Math.Pow(10, random.NextDouble() * 3)));
        else
            await UnderWayAsync(here, random.Next(40));
        await (killsSource ? source : destination).KillAsync();
        var status = await SettledAsync(killsSource ? there : here);
        // A source that goes on after a failure, or was never left, is written all the while.
        _ends = true;
        await writing;
        return killsSource ? await GoOnThereAsync(status, destination) : await GoOnHereAsync(status, here);
    }

    private static async Task UnderWayAsync(QmpClient qmp, int milliseconds)
    {
        while (true)
        {
            var info = await qmp.RunAsync("""{"execute": "query-migrate"}""");
            if (info.TryGetProperty("status", out var status) && status.GetString() != "setup")
                break;
        }

        await Task.Delay(milliseconds);
    }

    private async Task<string> GoOnThereAsync(string status, ServerProcess destination)
    {
        if (status == "completed")
        {
            await CheckAsync("b");
            await destination.TerminateAsync();
            return "the destination goes on";
        }

        await destination.TerminateAsync();
        await using var again = await ServeAsync("c");
        await CheckAsync("c");
        await again.TerminateAsync();
        return "the source is started anew";
    }

    private async Task<string> GoOnHereAsync(string status, QmpClient qmp)
    {
        if (status == "completed")
        {
            await qmp.RunAsync("""{"execute": "cont"}""");
            await CheckAsync("a");
            return "the source goes on when it is told to";
        }

        await CheckAsync("a");
        return "the source goes on";
    }

    /// <summary>The side that is left finds out how the migration ended.</summary>
    private static async Task<string> SettledAsync(QmpClient qmp)
    {
        for (var tries = 0; tries < 3000; tries++)
        {
            var info = await qmp.RunAsync("""{"execute": "query-migrate"}""");
            var status = info.TryGetProperty("status", out var told) ? told.GetString()! : "none";
            var state = (await qmp.RunAsync("""{"execute": "query-status"}""")).GetProperty("status").GetString();
            if (status is "none" || (status is "completed" or "failed" && state != "finish-migrate"))
                return status;
            await Task.Delay(10);
        }

        throw new TimeoutException("The migration does not end");
    }

    /// <summary>All that the writer was told, and that it can go on.</summary>
    private async Task CheckAsync(string daemon)
    {
        using var guest = await NbdGuest.ConnectAsync(_folder[$"{daemon}.nbd"], "disk");
        for (var slot = 0; slot < Slots; slot++)
        {
            var found = BinaryPrimitives.ReadUInt32LittleEndian(await guest.ReadAsync(slot * Slot, Slot));
            var told = Volatile.Read(ref _told[slot]);
            Assert.True(found >= told && (found == 0 || found % Slots == slot), $"slot {slot} has {found} and was told {told}");
        }

        for (var i = 0; i < 8; i++)
        {
            var number = Interlocked.Increment(ref _sent);
            Assert.True(await guest.WriteAsync(number % Slots * Slot, Data(number)), $"{daemon} takes no write");
            Volatile.Write(ref _told[number % Slots], number);
        }
    }

    private async Task WriteUntilRefusedAsync(string daemon)
    {
        try
        {
            using var guest = await NbdGuest.ConnectAsync(_folder[$"{daemon}.nbd"], "disk");
            while (!_ends)
            {
                var number = Interlocked.Increment(ref _sent);
                if (!await guest.WriteAsync(number % Slots * Slot, Data(number)))
                    return;
                Volatile.Write(ref _told[number % Slots], number);
            }
        }
        catch (IOException)
        {
            // The daemon is gone.
        }
    }

    private static byte[] Data(uint number)
    {
        var data = new byte[Slot];
        for (var at = 0; at < Slot; at += sizeof(uint))
            BinaryPrimitives.WriteUInt32LittleEndian(data.AsSpan(at), number);
        return data;
    }

    private Task<ServerProcess> ServeAsync(string name, params string[] more) => ServerProcess.StartAsync(
        _folder[$"{name}.qmp"],
        _folder.Path,
        Programs.Native,
        [
            "serve", .. more,
            "--blockdev", "driver=qcow2,node-name=disk,file.driver=file,file.filename=disk.qcow2",
            "--nbd-server", $"addr.type=unix,addr.path={_folder[$"{name}.nbd"]}",
            "--export", "type=nbd,id=e,node-name=disk,writable=on,allow-inactive=on",
            "--chardev", $"socket,id=qmp,path={_folder[$"{name}.qmp"]},server=on,wait=off", "--monitor", "chardev=qmp",
        ]);
}
