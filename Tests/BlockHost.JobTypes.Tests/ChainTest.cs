// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;

namespace BlockHost.JobTypes.Tests;

/// <summary>Chains of images, and what the topmost must read as.</summary>
public abstract class ChainTest : JobTest
{
    /// <summary>Sizes of clusters of b ◄ m ◄ t.</summary>
    public static TheoryData<int, int, int> Clusters => new()
    {
        { 65536, 65536, 65536 },
        { 512, 65536, 4096 },
        { 65536, 4096, 65536 },
        { 65536, 4096, 512 },
        { 1 << 20, 512, 65536 },
    };

    protected byte[] Expected { get; } = new byte[Size];

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

    /// <summary>Images b ◄ m ◄ t with clusters of these sizes; t holds nothing, the others are only read.</summary>
    protected async Task ChainOfClustersAsync(int baseClusters, int middleClusters, int topClusters)
    {
        await AddAsync("b", clusterSize: baseClusters);
        await FillAsync("b", 1, 0, 2 << 20);
        await AddAsync("m", "b", clusterSize: middleClusters);
        await FillAsync("m", 2, (1 << 20) + 4096, 2 << 20);
        await FillAsync("m", 3, Size - 1000, 1000);
        await AddAsync("t", "m", clusterSize: topClusters);
        await MakeReadOnlyAsync("b", "m");
    }

    /// <summary>An image full of data, and one over it that hides all but the beginning because it is shorter.</summary>
    protected async Task AddShortAsync(string name, string below)
    {
        await AddAsync(below);
        await FillAsync(below, 9, 0, Size);
        await AddAsync(name, below, size: 1 << 20);
        Expected.AsSpan(1 << 20).Clear();
    }

    private protected Task WhileGuestWritesAsync(Func<Task> action, string device = "t") =>
        WhileGuestWritesAsync(_ => action(), device);

    private protected async Task WhileGuestWritesAsync(Func<GuestWriter, Task> action, string device = "t")
    {
        await using var guest = await StartGuestAsync(device, seed: 1, holds: Expected);
        await guest.WriteWhileAsync(() => action(guest));
    }

    protected async Task FillAsync(string node, byte value, int offset, int length)
    {
        await using var guest = await OpenAsync(node);
        await using var queue = guest.OpenQueue();
        var status = value == 0
            ? await queue.WriteZeroesAsync(offset, length)
            : await queue.WriteAsync(offset, Filled(value, length));
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

    /// <summary>The images b ◄ m ◄ t stand as they did before the job, which left nothing behind.</summary>
    protected async Task CheckChainIsAsBeforeAsync()
    {
        Assert.Equal(["m", "b"], Backings("t"));
        Assert.Equal(PathOf("m"), RecordedBacking("t"));
        Assert.Equal(["t", "m", "b"], NamedNodes);
        Assert.Equal(Expected, await ReadAsync("t"));
    }

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
