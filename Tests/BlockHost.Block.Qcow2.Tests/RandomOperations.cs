// SPDX-License-Identifier: MIT
namespace BlockHost.Block.Qcow2.Tests;

/// <summary>A seeded sequence of guest operations, and what the disk must read as after each.</summary>
internal sealed class RandomOperations
{
    private readonly Random _random;

    public RandomOperations(int seed, int size)
    {
        _random = new Random(seed);

        // Shorter than the overlay: what lies behind its end reads as zeroes.
        Backing = new byte[size / 2 / 512 * 512];
        _random.NextBytes(Backing);
        Content = new byte[size];
        Backing.CopyTo(Content, 0);
    }

    public byte[] Backing { get; }

    public byte[] Content { get; }

    public async Task RunAsync(TestDisk disk, int count)
    {
        for (var i = 0; i < count; i++)
        {
            await StepAsync(disk);
            if (i % 10 == 9) Assert.Equal(Content, await disk.ReadAsync(0, Content.Length));
        }
    }

    private async Task StepAsync(TestDisk disk)
    {
        var offset = _random.Next(Content.Length);
        var bytes = Math.Min(Content.Length - offset, 1 + _random.Next(_random.Next(3) == 0 ? 500_000 : 20_000));
        switch (_random.Next(12))
        {
            case 0 or 1:
                await ZeroAsync(disk, offset, bytes);
                break;
            case 2:
                await DiscardAsync(disk, offset, bytes);
                break;
            case 3:
                await disk.FlushAsync();
                break;
            case 4 or 5:
                Assert.Equal(Content[offset..(offset + bytes)], await disk.ReadAsync(offset, bytes));
                break;
            case 6 or 7:
                await CompressAsync(disk, offset, bytes);
                break;
            default:
                var data = new byte[bytes];
                _random.NextBytes(data);
                data.CopyTo(Content, offset);
                await disk.WriteAsync(offset, data);
                break;
        }
    }

    private async Task ZeroAsync(TestDisk disk, int offset, int bytes)
    {
        try
        {
            await disk.Node.WriteZeroesAsync(offset, bytes, _random.Next(2) == 0 ? ZeroFlags.MayUnmap : ZeroFlags.None, default);
        }
        catch (BlockException e) when (e.Kind == BlockErrorKind.NotSupported)
        {
            await disk.WriteAsync(offset, new byte[bytes]);
        }
        Content.AsSpan(offset, bytes).Clear();
    }

    /// <summary>Cluster by cluster, as only those without storage of their own take it; some are freed first.</summary>
    private async Task CompressAsync(TestDisk disk, int offset, int bytes)
    {
        var cluster = (int)disk.Node.Profile.Limits.OptimalTransfer;
        for (var at = offset / cluster * cluster; at < Math.Min(offset + bytes, offset + (32 * cluster)); at += cluster)
        {
            var data = new byte[Math.Min(cluster, Content.Length - at)];
            for (var i = 0; i < data.Length; i++) data[i] = (byte)_random.Next(_random.Next(4) == 0 ? 256 : 4);
            if (_random.Next(2) == 0) await DiscardAsync(disk, at, data.Length);
            try
            {
                await disk.Node.WriteAsync(at, data, WriteFlags.Compressed, default);
                data.CopyTo(Content, at);
            }
            catch (BlockException e) when (e.Errno == Errno.EIO || e.Kind == BlockErrorKind.NotSupported)
            {
                // Refused: nothing has changed, as the next comparison shows.
            }
        }
    }

    /// <summary>What a discard leaves behind is the driver's choice, but each byte is either kept or zero.</summary>
    private async Task DiscardAsync(TestDisk disk, int offset, int bytes)
    {
        try
        {
            await disk.Node.DiscardAsync(offset, bytes, default);
        }
        catch (BlockException e) when (e.Kind == BlockErrorKind.NotSupported)
        {
            return;
        }
        var now = await disk.ReadAsync(offset, bytes);
        for (var i = 0; i < bytes; i++)
        {
            if (now[i] != 0) Assert.Equal(Content[offset + i], now[i]);
            Content[offset + i] = now[i];
        }
    }
}
