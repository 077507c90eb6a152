// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;

namespace BlockHost.JobTypes.Tests;

/// <summary>Writes at random places for as long as it is let, and knows what the disk must hold.</summary>
/// <param name="holds">What the disk holds now; null: zeroes.</param>
internal sealed class GuestWriter(IBlockBackend backend, int seed, byte[]? holds = null)
{
    private const int LargestWrite = 3 * 4096;

    private readonly Random _random = new(seed);

    public byte[] Expected { get; } = holds ?? new byte[backend.Length];

    public async Task WriteAsync(int times)
    {
        await using var queue = backend.OpenQueue();
        for (var i = 0; i < times; i++)
            await WriteOnceAsync(queue);
    }

    public async Task WriteUntilAsync(Task end)
    {
        await using var queue = backend.OpenQueue();
        while (!end.IsCompleted)
            await WriteOnceAsync(queue);
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
