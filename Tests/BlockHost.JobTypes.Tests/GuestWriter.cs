// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;

namespace BlockHost.JobTypes.Tests;

/// <summary>Writes at random places for as long as it is let, and knows what the disk must hold.</summary>
/// <param name="backend">Closed with the guest.</param>
/// <param name="holds">What the disk holds now; null: zeroes.</param>
internal sealed class GuestWriter(IBlockBackend backend, int seed, byte[]? holds = null) : IAsyncDisposable
{
    private const int LargestWrite = 3 * 4096;
    private const int Burst = 16;
    private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(10);

    private readonly Random _random = new(seed);

    public byte[] Expected { get; } = holds ?? new byte[backend.Length];

    public IGraphNode Node => backend.Node;

    public async Task WriteAsync(int times)
    {
        await using var queue = backend.OpenQueue();
        for (var i = 0; i < times; i++)
            await WriteOnceAsync(queue);
    }

    public Task WriteWhileAsync(Func<Task> action) => GuestWork.WhileAsync(action, WriteUntilAsync);

    public ValueTask DisposeAsync() => backend.DisposeAsync();

    /// <summary>
    /// In bursts, as fast as the disk takes them: a guest that never takes a breath need not be caught up with.
    /// </summary>
    private async Task WriteUntilAsync(Task end)
    {
        await using var queue = backend.OpenQueue();
        while (!end.IsCompleted)
        {
            for (var i = 0; i < Burst; i++)
                await WriteOnceAsync(queue);
            await Task.WhenAny(end, Task.Delay(Breath));
        }
    }

    private async Task WriteOnceAsync(IBlockQueue queue)
    {
        var length = _random.Next(1, LargestWrite);
        var offset = _random.Next(Expected.Length - length);
        var target = Expected.AsMemory(offset, length);
        if (_random.Next(4) == 0)
        {
            target.Span.Clear();
            Assert.True((await queue.WriteZeroesAsync(offset, length, ZeroFlags.MayUnmap)).IsOk);
            return;
        }

        _random.NextBytes(target.Span);
        Assert.True((await queue.WriteAsync(offset, target)).IsOk);
    }
}
