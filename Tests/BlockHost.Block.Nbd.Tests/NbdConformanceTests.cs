// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block.Nbd.Tests.Fakes;
using BlockHost.Conformance;
using BlockHost.Nbd;
using BlockHost.Plugins.Block.Nbd;
using Xunit.Abstractions;

namespace BlockHost.Block.Nbd.Tests;

/// <summary>The kit on the driver, with servers of several kinds.</summary>
public sealed class NbdConformanceTests(ITestOutputHelper output)
{
    private const int Length = 1 << 20;

    [Fact]
    public Task Structured_replies() => ProveAsync("structured", _ => { });

    [Fact]
    public Task Simple_replies() => ProveAsync("simple", habits => habits.StructuredReplies = false);

    [Fact]
    public Task Blocks_of_4096_bytes() => ProveAsync("4096", habits => habits.BlockSizes = new(4096, 65536, 262144));

    [Fact]
    public Task No_more_than_reads_and_writes() =>
        ProveAsync("bare", habits => (habits.Flags, habits.BlockSizes) = (TransmissionFlags.HasFlags, null));

    private async Task ProveAsync(string name, Action<ServerHabits> set)
    {
        var report = await ConformanceSuite.RunAsync(
            new BlockDriverSubject
            {
                Name = $"nbd, {name}",
                Driver = new NbdDriver(),
                Resizable = false,
                PowerCut = false,
                CreateImage = _ => new(Make(set)),
            },
            new ConformanceOptions { Sequences = 6 });

        output.WriteLine(report.ToString());
        Assert.True(report.Passed, report.ToString());
    }

    private static SubjectImage Make(Action<ServerHabits> set)
    {
        var server = new MemoryServer(Length);
        set(server.Habits);
        server.Start();
        return new SubjectImage
        {
            Options = JsonSerializer.SerializeToElement(new { server = new { type = "unix", path = server.SocketPath } }),
            Length = Length,
            StallTransport = server.Habits.FallSilent,
            Cleanup = server.DisposeAsync,
        };
    }
}
