// SPDX-License-Identifier: MIT
using BlockHost.Export.Nbd.Tests.Fakes;
using BlockHost.Nbd;
using BlockHost.Objects;

namespace BlockHost.Export.Nbd.Tests;

/// <summary>An export that is told an iothread serves its clients there.</summary>
public sealed class IoThreadTests
{
    [Fact]
    public async Task Clients_are_served_on_the_exports_thread()
    {
        var thread = new OneLoop();
        await using var disk = await ServedDisk.StartAsync(withExport: false);
        var seen = new HashSet<int>();
        disk.Add(
            "disk", new MemoryBackend(1 << 20) { OnRead = _ => seen.Add(Environment.CurrentManagedThreadId) }, thread: thread);
        using var client = disk.Connect().Go();
        var data = Data(70_000);

        Assert.Equal(NbdError.None, client.Simple(NbdCommand.Write, 512, (uint)data.Length, payload: data));

        Assert.Equal(data, client.ReadData(512, (uint)data.Length));
        Assert.Equal([thread.ThreadId], seen);
    }

    [Fact]
    public async Task What_a_client_sends_with_the_end_of_its_handshake_moves_with_it()
    {
        await using var disk = await ServedDisk.StartAsync(withExport: false);
        disk.Add("disk", new MemoryBackend(1 << 20), thread: new OneLoop());
        using var client = disk.Connect().Greet();

        client.Send(
            [.. RawClient.OptionMessage(NbdOption.Go, OptionData.Info("disk")), .. RawClient
                .Request(NbdCommand.Read, 0, 512, cookie: 99)]);

        Assert.Equal(OptionReply.Ack, client.ReadAnswers(NbdOption.Go)[^1].Type);
        Assert.Equal(99ul, client.ReadSimple().Cookie);
        Assert.Equal(new byte[512], client.Read(512));
    }

    [Fact]
    public async Task Exports_of_one_thread_share_its_loop_and_the_last_one_ends_it()
    {
        var thread = new OneLoop();
        await using var disk = await ServedDisk.StartAsync(withExport: false);
        var (first, second) = (disk.Add("a", new MemoryBackend(1 << 20), thread: thread), disk
            .Add("b", new MemoryBackend(1 << 20), thread: thread));
        Assert.Same(first.Home, second.Home);
        using var client = disk.Connect().Go("b");

        await first.DisposeAsync();
        Assert.Equal(new byte[512], client.ReadData(0, 512));
        await second.DisposeAsync();

        client.Dispose();
        await thread.Returned.Task.WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task An_exports_loop_runs_until_its_last_client_has_gone()
    {
        var thread = new OneLoop();
        await using var disk = await ServedDisk.StartAsync(withExport: false);
        var export = disk.Add("disk", new MemoryBackend(1 << 20), thread: thread);
        using (var client = disk.Connect().Go())
        {
            await export.DisposeAsync();

            Assert.Equal(new byte[512], client.ReadData(0, 512));
            Assert.False(thread.Returned.Task.IsCompleted);
        }

        await thread.Returned.Task.WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task A_thread_that_is_taken_leaves_the_export_its_own()
    {
        var thread = new OneLoop { IsTaken = true };
        await using var disk = await ServedDisk.StartAsync(withExport: false);
        disk.Add("disk", new MemoryBackend(1 << 20), thread: thread);
        using var client = disk.Connect().Go();

        Assert.Equal(new byte[512], client.ReadData(0, 512));
    }

    /// <summary>Every end at any moment of the move: nothing may hang, and the export ends each time.</summary>
    [Fact]
    public async Task An_export_that_ends_while_clients_arrive_lets_all_of_them_go()
    {
        for (var round = 0; round < 100; round++)
        {
            var thread = new OneLoop();
            await using var disk = await ServedDisk.StartAsync(withExport: false);
            var export = disk.Add("disk", new MemoryBackend(1 << 20), thread: thread);
            using var client = disk.Connect().Greet();
            client.SendOption(NbdOption.Go, OptionData.Info("disk"));
            Thread.SpinWait(round * 200);

            export.RequestShutdown();

            await disk.Ended.Task.WaitAsync(TimeSpan.FromSeconds(30));
            await export.DisposeAsync();
            await thread.Returned.Task.WaitAsync(TimeSpan.FromSeconds(30));
        }
    }

    private static byte[] Data(int length)
    {
        var data = new byte[length];
        new Random(length).NextBytes(data);
        return data;
    }

    /// <summary>Runs one loop on a thread of its own.</summary>
    private sealed class OneLoop : IIoThread
    {
        public bool IsTaken { get; set; }

        public int ThreadId { get; private set; }

        public TaskCompletionSource Returned { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TimeSpan MaxPolling => TimeSpan.Zero;

        public bool TryRun(Action loop)
        {
            if (IsTaken)
                return false;
            IsTaken = true;
            var thread = new Thread(() =>
            {
                loop();
                Returned.SetResult();
            });
            ThreadId = thread.ManagedThreadId;
            thread.Start();
            return true;
        }
    }
}
