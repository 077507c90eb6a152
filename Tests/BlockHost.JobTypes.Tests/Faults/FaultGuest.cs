// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;

namespace BlockHost.JobTypes.Tests.Faults;

/// <summary>
/// Reads and writes at random places while disks fail, and knows what the disk must hold: of a write that failed, any part may
/// have been done.
/// </summary>
internal sealed class FaultGuest(IBlockBackend backend, int seed, byte[] holds)
{
    private const int Largest = 3 * 4096;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    private readonly Random _random = new(seed);
    private readonly byte[] _maybe = new byte[holds.Length];
    private readonly Doubt[] _doubts = new Doubt[holds.Length];

    private enum Doubt : byte
    {
        None,
        Either,
        Unknown,
    }

    public IBlockBackend Backend => backend;

    public int Failed { get; private set; }

    public byte[] Holds() => [.. holds];

    public async Task RunUntilAsync(Task end)
    {
        await using var queue = backend.OpenQueue();
        while (!end.IsCompleted)
        {
            await (_random.Next(3) == 0 ? ReadOnceAsync(queue) : WriteOnceAsync(queue)).WaitAsync(Patience);
            if (_random.Next(8) == 0)
                await Task.Delay(1);
        }
    }

    /// <summary>What is found is what was written.</summary>
    public void Check(ReadOnlySpan<byte> found, int offset = 0)
    {
        for (var i = 0; i < found.Length; i++)
        {
            var at = offset + i;
            if (found[i] == holds[at] || _doubts[at] == Doubt.Unknown || (_doubts[at] == Doubt.Either && found[i] == _maybe[at]))
                continue;
            Assert.Fail($"The disk reads {found[i]} at {at} (0x{at:x}), not {holds[at]}");
        }
    }

    private async Task ReadOnceAsync(IBlockQueue queue)
    {
        var (offset, length) = Place();
        var found = new byte[length];
        var status = await queue.ReadAsync(offset, found);
        if (status.IsOk)
            Check(found, offset);
        else
            Failed++;
    }

    private async Task WriteOnceAsync(IBlockQueue queue)
    {
        var (offset, length) = Place();
        var data = new byte[length];
        var zero = _random.Next(4) == 0;
        if (!zero)
            _random.NextBytes(data);
        var status = await (zero ? queue.WriteZeroesAsync(offset, length, ZeroFlags.MayUnmap) : queue.WriteAsync(offset, data));
        if (status.IsOk)
        {
            data.CopyTo(holds, offset);
            _doubts.AsSpan(offset, length).Clear();
            return;
        }

        Failed++;
        for (var i = 0; i < length; i++)
        {
            _doubts[offset + i] = _doubts[offset + i] == Doubt.None ? Doubt.Either : Doubt.Unknown;
            _maybe[offset + i] = data[i];
        }
    }

    private (int Offset, int Length) Place()
    {
        var length = _random.Next(1, Largest);
        return (_random.Next(holds.Length - length), length);
    }
}
