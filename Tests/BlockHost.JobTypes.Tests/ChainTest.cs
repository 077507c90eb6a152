// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;

namespace BlockHost.JobTypes.Tests;

/// <summary>Chains of images, and what the topmost must read as.</summary>
public abstract class ChainTest : JobTest
{
    protected byte[] Expected { get; private set; } = new byte[Size];

    /// <summary>A chain of which each image holds something of its own, and something over the one below.</summary>
    protected async Task ChainAsync(params string[] names)
    {
        for (var i = 0; i < names.Length; i++)
        {
            await AddAsync(names[i], i == 0 ? null : names[i - 1]);
            await FillAsync(names[i], (byte)(i + 1), i * 300_000, 700_000);
            await FillAsync(names[i], 0, (i * 300_000) + 65536, 2 * 65536);
        }
    }

    protected Task WhileGuestWritesAsync(Func<Task> action, string device = "t") => WhileGuestWritesAsync(_ => action(), device);

    protected async Task WhileGuestWritesAsync(Func<IBlockBackend, Task> action, string device = "t")
    {
        await using var guest = await Bed.Graph.CreateBackendAsync(Node(device), Guest, CancellationToken.None);
        var writer = new GuestWriter(guest, seed: 1, Expected);
        var stop = new TaskCompletionSource();
        var writing = Task.Run(() => writer.WriteUntilAsync(stop.Task));
        await action(guest);
        stop.SetResult();
        await writing;
        Expected = writer.Expected;
    }

    protected async Task FillAsync(string node, byte value, int offset, int length)
    {
        await using var guest = await Bed.Graph.CreateBackendAsync(Node(node), Guest, CancellationToken.None);
        await using var queue = guest.OpenQueue();
        var status = value == 0 ? await queue.WriteZeroesAsync(offset, length) : await queue.WriteAsync(offset, Filled(value, length));
        Assert.True(status.IsOk);
        Expected.AsSpan(offset, length).Fill(value);
    }

    protected async Task MakeReadOnlyAsync(params string[] nodes)
    {
        foreach (var node in nodes)
            await Bed.Graph.SetReadOnlyAsync(Node(node), readOnly: true, CancellationToken.None);
    }

    protected string[] Backings(string node)
    {
        var names = new List<string>();
        for (var below = Node(node).Backing; below is not null; below = below.Backing)
            names.Add(below.Name);
        return [.. names];
    }

    protected string? RecordedBacking(string node) => Node(node).RecordedBacking?.FileName;

    protected async Task CheckAsync(params string[] nodes)
    {
        foreach (var node in nodes)
        {
            Assert.True(Node(node).TryGetFacet<IImageCheck>(out var check));
            var found = await check.CheckAsync(CheckRepair.None, CancellationToken.None);
            Assert.True(found is { Corruptions: 0, CheckErrors: 0, Leaks: 0 }, $"{node}: {string.Join('\n', found.Messages)}");
        }
    }
}
