// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;
using BlockHost.Export.VhostUserBlk.Tests.Fakes;

namespace BlockHost.Export.VhostUserBlk.Tests;

/// <summary>What a guest can ask of its disk, over each kind of ring.</summary>
public sealed class RequestTests
{
    private const byte Ok = 0;
    private const byte IoError = 1;
    private const byte Unsupported = 2;

    public static TheoryData<bool, bool, bool> Rings => new()
    {
        { false, false, false },
        { false, true, false },
        { false, true, true },
        { true, false, false },
        { true, true, false },
        { true, true, true },
    };

    [Theory]
    [MemberData(nameof(Rings))]
    public async Task What_is_written_is_read(bool packed, bool eventIndex, bool indirect)
    {
        await using var disk = new ServedDisk();
        using var guest = disk.Connect(Options(packed, eventIndex));
        var data = Noise(64 << 10);
        var read = new byte[data.Length];

        Assert.Equal(new BlkAnswer(Ok, 1), guest.Run(1, 8, data, [], indirect: indirect));
        Assert.Equal(new BlkAnswer(Ok, (uint)data.Length + 1), guest.Run(0, 8, [], read, indirect: indirect));

        Assert.Equal(data, read);
        Assert.Equal(data, disk.Backend.Data.AsSpan(4096, data.Length).ToArray());
    }

    [Theory]
    [MemberData(nameof(Rings))]
    public async Task Header_data_and_status_may_be_cut_anywhere(bool packed, bool eventIndex, bool indirect)
    {
        await using var disk = new ServedDisk();
        using var guest = disk.Connect(Options(packed, eventIndex));
        var cuts = new Random(7);
        var (data, read) = (Noise(1536), new byte[1536]);

        for (var i = 0; i < 400; i++)
        {
            data[0] = (byte)i;
            Assert.Equal(Ok, guest.Run(1, (ulong)i, data, [], cuts, indirect).Status);
            Assert.Equal(Ok, guest.Run(0, (ulong)i, [], read, cuts, indirect).Status);
            Assert.Equal(data, read);
        }
    }

    [Theory]
    [MemberData(nameof(Rings))]
    public async Task A_full_ring_is_carried_out_in_any_order(bool packed, bool eventIndex, bool indirect)
    {
        await using var disk = new ServedDisk();
        using var guest = disk.Connect(Options(packed, eventIndex));
        for (var round = 0; round < 20; round++)
        {
            disk.Backend.Hold = true;
            var requests = new Dictionary<ushort, (PlacedRequest Request, int Sector)>();
            for (var i = 0; i < 32; i++)
            {
                var sector = (round * 32) + i;
                var request = guest.Place(1, (ulong)sector, Sector(sector), 0);
                requests.Add(guest.Rings[0].Submit(request.Chain, indirect)!.Value, (request, sector));
            }

            guest.Rings[0].KickNow();
            await disk.Backend.WaitHeldAsync(32);
            disk.Backend.Release(newestFirst: round % 2 == 0);
            while (requests.Count > 0)
            {
                var (request, _) = requests[BlkClient.Await(guest.Rings[0], out _)];
                Assert.Equal(Ok, guest.Ram.Span(request.Output, 1)[0]);
                requests.Remove(requests.First(entry => entry.Value.Request == request).Key);
            }
        }

        for (var sector = 0; sector < 640; sector++)
            Assert.Equal(Sector(sector), disk.Backend.Data.AsSpan(sector * 512, 512).ToArray());
    }

    [Fact]
    public async Task A_flush_reaches_the_disk_and_its_failure_the_guest()
    {
        await using var disk = new ServedDisk();
        using var guest = disk.Connect();

        Assert.Equal(Ok, guest.Flush().Status);
        Assert.Contains("flush", disk.Backend.Log);
        disk.Backend.Answer = new IoStatus(Errno.EIO);
        Assert.Equal(IoError, guest.Flush().Status);
    }

    [Fact]
    public async Task The_id_is_QEMUs()
    {
        await using var disk = new ServedDisk();
        using var guest = disk.Connect();
        var id = new byte[20];

        Assert.Equal(new BlkAnswer(Ok, 21), guest.Run(8, 0, [], id));

        Assert.Equal("vhost_user_blk\0\0\0\0\0\0"u8.ToArray(), id);
    }

    [Fact]
    public async Task Ranges_are_discarded_and_zeroed()
    {
        await using var disk = new ServedDisk();
        using var guest = disk.Connect();

        Assert.Equal(Ok, guest.Run(11, 0, Range(16, 8, 0), []).Status);
        Assert.Equal(Ok, guest.Run(13, 0, Range(32, 8, 0), []).Status);
        Assert.Equal(Ok, guest.Run(13, 0, Range(64, 8, 1), []).Status);

        Assert.Equal(["discard 8192+4096", "zero 16384+4096 None", "zero 32768+4096 MayUnmap"], disk.Backend.Log);
    }

    [Fact]
    public async Task What_cannot_be_done_is_refused_by_its_status()
    {
        await using var disk = new ServedDisk();
        using var guest = disk.Connect();
        var sectors = (ulong)disk.Backend.Length / 512;

        Assert.Equal(IoError, guest.Run(0, sectors, [], new byte[512]).Status);
        Assert.Equal(IoError, guest.Run(1, sectors - 1, new byte[1024], []).Status);
        Assert.Equal(IoError, guest.Run(0, ulong.MaxValue, [], new byte[512]).Status);
        Assert.Equal(IoError, guest.Run(0, 0, [], new byte[511]).Status);
        Assert.Equal(IoError, guest.Run(11, 0, Range(sectors, 1, 0), []).Status);
        Assert.Equal(IoError, guest.Run(13, 0, Range(ulong.MaxValue, uint.MaxValue, 0), []).Status);
        Assert.Equal(IoError, guest.Run(13, 0, new byte[15], []).Status);
        Assert.Equal(Unsupported, guest.Run(11, 0, Range(0, 8, 1), []).Status);
        Assert.Equal(Unsupported, guest.Run(13, 0, Range(0, 8, 2), []).Status);
        Assert.Equal(Unsupported, guest.Run(14, 0, Range(0, 8, 0), []).Status);
        Assert.Equal(Unsupported, guest.Run(99, 0, [], []).Status);
        Assert.Empty(disk.Backend.Log);
        Assert.Equal(Ok, guest.Read(0, new byte[512]).Status);
    }

    [Fact]
    public async Task A_read_only_disk_says_so_and_takes_no_change()
    {
        await using var disk = new ServedDisk(writable: false);
        using var guest = disk.Connect();

        Assert.True(guest.IsReadOnly);
        Assert.Equal(IoError, guest.Write(0, new byte[512]).Status);
        Assert.Equal(IoError, guest.Run(11, 0, Range(0, 8, 0), []).Status);
        Assert.Equal(IoError, guest.Run(13, 0, Range(0, 8, 0), []).Status);
        Assert.Equal(Ok, guest.Flush().Status);
        Assert.Equal(Ok, guest.Read(0, new byte[512]).Status);
    }

    [Fact]
    public async Task Requests_are_whole_blocks_of_the_size_that_was_chosen()
    {
        await using var disk = new ServedDisk(blockSize: 4096);
        using var guest = disk.Connect();

        Assert.Equal(4096u, BitConverter.ToUInt32(guest.Config(20, 4)));
        Assert.Equal(Ok, guest.Write(8, new byte[4096]).Status);
        Assert.Equal(IoError, guest.Write(1, new byte[4096]).Status);
        Assert.Equal(IoError, guest.Write(8, new byte[512]).Status);
    }

    [Fact]
    public async Task Without_a_cache_each_write_is_durable()
    {
        await using var disk = new ServedDisk();
        using var guest = disk.Connect();
        Assert.Equal(1, guest.Config(32, 1)[0]);
        guest.Write(0, new byte[512]);
        Assert.Empty(disk.Backend.Log);

        Assert.Equal(0ul, guest.FrontEnd.Acknowledged(25, [32, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]));
        guest.Write(0, new byte[512]);
        guest.Run(13, 0, Range(0, 8, 0), []);

        Assert.Equal(0, guest.Config(32, 1)[0]);
        Assert.Equal(["write 0+512 Fua", "zero 0+4096 Fua"], disk.Backend.Log);
    }

    [Fact]
    public async Task A_driver_that_does_not_know_how_to_flush_gets_durable_writes()
    {
        await using var disk = new ServedDisk();
        using var guest = disk.Connect(new() { Without = 1 << 9 });

        guest.Write(0, new byte[512]);

        Assert.Equal(["write 0+512 Fua"], disk.Backend.Log);
    }

    [Fact]
    public async Task Every_ring_serves()
    {
        await using var disk = new ServedDisk(queues: 4);
        using var guest = disk.Connect(new() { Rings = 4 });
        Assert.Equal(4, BitConverter.ToUInt16(guest.Config(34, 2)));
        var read = new byte[512];

        for (var ring = 0; ring < 4; ring++)
        {
            Assert.Equal(Ok, guest.Run(1, (ulong)ring, Sector(ring), [], ring: ring).Status);
            Assert.Equal(Ok, guest.Run(0, (ulong)ring, [], read, ring: 3 - ring).Status);
            Assert.Equal(Sector(ring), read);
        }
    }

    internal static BlkClientOptions Options(bool packed, bool eventIndex) =>
        new() { Ring = new() { Packed = packed, EventIndex = eventIndex } };

    internal static byte[] Range(ulong sector, uint sectors, uint flags)
    {
        var range = new byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(range, sector);
        BinaryPrimitives.WriteUInt32LittleEndian(range.AsSpan(8), sectors);
        BinaryPrimitives.WriteUInt32LittleEndian(range.AsSpan(12), flags);
        return range;
    }

    private static byte[] Sector(int number)
    {
        var data = new byte[512];
        data.AsSpan().Fill((byte)(number * 31));
        BitConverter.TryWriteBytes(data, number);
        return data;
    }

    private static byte[] Noise(int length)
    {
        var data = new byte[length];
        new Random(length).NextBytes(data);
        return data;
    }
}
