// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>What clients made the daemon hold is the system's again soon after they have gone, to be seen from outside.</summary>
public sealed class MemoryTests : IDisposable
{
    private const long MiB = 1 << 20;

    /// <summary>What a daemon may hold more than before, afterwards: heaps that have grown, not buffers.</summary>
    private const long Afterwards = 64 * MiB;

    private readonly Folder _folder = new();

    [Fact]
    public async Task Clients_with_unread_replies_leave_nothing_behind()
    {
        await using var daemon = await StartAsync();
        var before = Resident(daemon);

        var clients = Enumerable.Range(0, 20).Select(_ => Connect("nbd.sock")).ToList();
        foreach (var client in clients)
            client.Send([.. Go("disk"), .. Enumerable.Range(0, 8).SelectMany(_ => Read(0, 32 << 20))]);
        var most = await WhileAsync(TimeSpan.FromSeconds(2), () => Resident(daemon));
        clients.ForEach(client => client.Dispose());

        // The stated limit, and a little for each client.
        Assert.True(most - before < (256 + 64) * MiB, $"{most / MiB} MiB were held, {before / MiB} before");
        await GoesBackAsync(daemon, before);
        Assert.Equal(0, await daemon.TerminateAsync());
    }

    [Fact]
    public async Task Large_requests_to_the_monitor_leave_nothing_behind()
    {
        await using var daemon = await StartAsync();
        var before = Resident(daemon);

        using (var monitor = Connect("qmp.sock"))
        {
            monitor.Send("{\"execute\":\"qmp_capabilities\"}"u8);
            var request = Encoding.ASCII.GetBytes(
                "{\"execute\":\"blockdev-del\",\"arguments\":{\"node-name\":\"" + new string('a', 4 << 20) + "\"}}");
            for (var i = 0; i < 12; i++)
            {
                var sending = Task.Run(() => monitor.Send(request));
                await ReadLinesAsync(monitor, i == 0 ? 3 : 1);
                await sending;
            }
        }

        await GoesBackAsync(daemon, before);
        Assert.Equal(0, await daemon.TerminateAsync());
    }

    public void Dispose() => _folder.Dispose();

    private Task<ServerProcess> StartAsync() => ServerProcess.StartAsync(
        _folder["qmp.sock"], _folder.Path, Programs.Blockhost, "serve",
        "--blockdev", "driver=null-co,node-name=disk,size=64M,read-zeroes=off",
        "--nbd-server", $"addr.type=unix,addr.path={_folder["nbd.sock"]}",
        "--export", "type=nbd,id=e,node-name=disk,name=disk",
        "--chardev", $"socket,id=m,path={_folder["qmp.sock"]},server=on,wait=off", "--monitor", "chardev=m");

    private Socket Connect(string name)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(_folder[name]));
        return socket;
    }

    /// <summary>Client flags, and the option that chooses an export: replies are simple.</summary>
    private static byte[] Go(string export)
    {
        var message = new byte[4 + 16 + 4 + export.Length + 2];
        BinaryPrimitives.WriteUInt32BigEndian(message, 3);
        "IHAVEOPT"u8.CopyTo(message.AsSpan(4));
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(12), 7);
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(16), 4 + export.Length + 2);
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(20), export.Length);
        Encoding.ASCII.GetBytes(export, message.AsSpan(24));
        return message;
    }

    private static byte[] Read(long offset, int length)
    {
        var message = new byte[28];
        BinaryPrimitives.WriteUInt32BigEndian(message, 0x25609513);
        BinaryPrimitives.WriteInt64BigEndian(message.AsSpan(16), offset);
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(24), length);
        return message;
    }

    private static async Task ReadLinesAsync(Socket socket, int count)
    {
        var buffer = new byte[MiB];
        for (var lines = 0; lines < count;)
        {
            var n = await socket.ReceiveAsync(buffer);
            Assert.NotEqual(0, n);
            lines += buffer.AsSpan(0, n).Count((byte)'\n');
        }
    }

    private static long Resident(ServerProcess daemon)
    {
        var line = File.ReadLines($"/proc/{daemon.Id}/status").First(text => text.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture) << 10;
    }

    private static async Task<long> WhileAsync(TimeSpan time, Func<long> measure)
    {
        var most = 0L;
        for (var end = DateTime.UtcNow + time; DateTime.UtcNow < end; await Task.Delay(20))
            most = Math.Max(most, measure());
        return most;
    }

    /// <summary>Seconds are stated; a busy machine may take longer.</summary>
    private static async Task GoesBackAsync(ServerProcess daemon, long before)
    {
        var end = DateTime.UtcNow + TimeSpan.FromSeconds(120);
        while (Resident(daemon) > before + Afterwards)
        {
            Assert.True(DateTime.UtcNow < end, $"{Resident(daemon) / MiB} MiB are still held, {before / MiB} before");
            await Task.Delay(100);
        }
    }
}
