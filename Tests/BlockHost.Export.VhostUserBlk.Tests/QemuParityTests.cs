// SPDX-License-Identifier: MIT
using BlockHost.Export.VhostUserBlk.Tests.Fakes;

namespace BlockHost.Export.VhostUserBlk.Tests;

/// <summary>
/// One driver asks ours and qemu-storage-daemon's device the same, and gets the same. BLOCKHOST_VIRTIO_REQUESTS=N for more.
/// </summary>
public sealed class QemuParityTests
{
    private const int Length = 4 << 20;

    /// <summary>What ours has and QEMU 7.2's does not: packed rings.</summary>
    private const ulong OursAlone = FrontEnd.PackedRing;

    /// <summary>VIRTIO_F_NOTIFY_ON_EMPTY, which is not in virtio 1.0 any more.</summary>
    private const ulong TheirsAlone = 1 << 24;

    private const uint GetId = 8;

    [SkippableTheory]
    [InlineData(true, 1)]
    [InlineData(false, 4)]
    public async Task Features_and_configuration_are_QEMUs(bool writable, ushort queues)
    {
        await using var real = new RealDaemon(new byte[Length], writable, queues);
        await using var disk = new ServedDisk(new MemoryBackend(Length), writable, queues: queues);
        using var theirs = new BlkClient(real.Socket);
        using var ours = disk.Connect();

        // QEMU's says that there is no cache, and has one: Linux then never flushes it. It unmaps zeroes, and does not say so.
        var expected = theirs.Config();
        expected[32] = expected[56] = 1;

        Assert.Equal(theirs.FrontEnd.Ask(1).Value & ~TheirsAlone, ours.FrontEnd.Ask(1).Value & ~OursAlone);
        Assert.Equal(theirs.FrontEnd.Ask(17).Value, ours.FrontEnd.Ask(17).Value);
        Assert.Equal(Convert.ToHexString(expected), Convert.ToHexString(ours.Config()));
    }

    [SkippableTheory]
    [InlineData(1, true, true)]
    [InlineData(2, true, false)]
    [InlineData(3, false, true)]
    public async Task Answers_and_content_are_QEMUs(int seed, bool writable, bool eventIndex)
    {
        var content = new byte[Length];
        new Random(seed).NextBytes(content);
        await using var real = new RealDaemon(content, writable, queues: 1);
        await using var disk = new ServedDisk(new MemoryBackend(Length), writable);
        content.CopyTo(disk.Backend.Data, 0);
        var options = RequestTests.Options(packed: false, eventIndex);
        var random = new Random(seed);
        var count = SearchSize.Of("BLOCKHOST_VIRTIO_REQUESTS", 400);

        for (var done = 0; done < count; done += 200)
        {
            // Their memory is not used twice, so a guest lives for so many requests.
            using var theirs = new BlkClient(real.Socket, options);
            using var ours = disk.Connect(options);
            for (var i = 0; i < 200; i++)
                Same(theirs, ours, Next(random));
        }

        var stored = await File.ReadAllBytesAsync(real.Image);
        Assert.True(stored.AsSpan().SequenceEqual(disk.Backend.Data), "the disks differ");
    }

    private static void Same(BlkClient theirs, BlkClient ours, in Asked asked)
    {
        var (expected, actual) = (new byte[asked.Output], new byte[asked.Output]);
        var answer = Run(theirs, asked, expected);
        var ourAnswer = Run(ours, asked, actual);
        Assert.True(answer == ourAnswer, $"{asked}: {answer}, ours {ourAnswer}");
        // QEMU leaves what is behind the id's end as it was.
        if (asked.Type == GetId)
            expected.AsSpan(expected.IndexOf((byte)0)).Clear();
        // A read that fails leaves anything.
        if (answer.Status == 0)
            Assert.True(expected.AsSpan().SequenceEqual(actual), $"{asked}");
    }

    private static BlkAnswer Run(BlkClient guest, in Asked asked, byte[] output) =>
        guest.Run(asked.Type, asked.Sector, asked.Input, output, new Random(asked.Cuts), asked.Indirect);

    private static Asked Next(Random random)
    {
        uint[] types = [0, 0, 0, 1, 1, 1, 4, 8, 11, 13, 13, 14, 99, 0x8000_0000, 0x8000_0001];
        var type = types[random.Next(types.Length)];
        var bytes = random.Next(16) == 0 ? random.Next(1, 2000) : random.Next(1, 64) * 512;
        var sector = random.Next(12) switch
        {
            0 => (ulong)random.NextInt64(),
            1 => (ulong)(Length / 512) - (ulong)random.Next(4),
            2 => ulong.MaxValue - (ulong)random.Next(3),
            _ => (ulong)random.Next(Length / 512),
        };
        var input = (type & 0x7FFF_FFFF) switch
        {
            1 => Noise(random, bytes),
            11 => AnyRange(random, sector, flags: random.Next(1, 3)),
            13 or 14 => AnyRange(random, sector, flags: random.Next(3)),
            _ => [],
        };
        var output = (type & 0x7FFF_FFFF) switch { 0 => bytes, 8 => 20, _ => 0 };
        return new(type, sector, input, output, random.Next(), random.Next(2) == 0);
    }

    /// <summary>
    /// Zeroes of a discarded range are the host's own choice, so that only ranges are discarded that are refused.
    /// </summary>
    private static byte[] AnyRange(Random random, ulong sector, int flags) => RequestTests.Range(
        sector, random.Next(8) == 0 ? (uint)random.NextInt64(uint.MaxValue) : (uint)random.Next(64), (uint)flags);

    private static byte[] Noise(Random random, int length)
    {
        var data = new byte[length];
        random.NextBytes(data);
        return data;
    }

    private readonly record struct Asked(uint Type, ulong Sector, byte[] Input, int Output, int Cuts, bool Indirect);
}
