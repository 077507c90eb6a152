// SPDX-License-Identifier: MIT
using BlockHost.Export.VhostUserBlk.Tests.Fakes;

namespace BlockHost.Export.VhostUserBlk.Tests;

/// <summary>Messages that cannot be: they are refused, or end the connection, and the next front-end is served.</summary>
public sealed class HostileFrontEndTests
{
    private const uint SetFeatures = 2;
    private const uint SetMemTable = 5;
    private const uint SetVringNum = 8;
    private const uint SetVringBase = 10;
    private const uint SetVringKick = 12;
    private const uint SetProtocolFeatures = 16;
    private const uint SetVringEnable = 18;
    private const uint SetConfig = 25;
    private const uint SetInflight = 32;
    private const uint AddRegion = 37;
    private const uint RemoveRegion = 38;
    private const uint SetStatus = 39;

    [Fact]
    public async Task What_cannot_be_is_refused_and_the_connection_stays()
    {
        await using var disk = new ServedDisk();
        using var guest = disk.Connect();
        var frontEnd = guest.FrontEnd;
        byte[] region = FrontEnd.Region(guest.Ram);

        Refused(frontEnd, SetFeatures, BitConverter.GetBytes(1ul << 40));
        Refused(frontEnd, SetProtocolFeatures, BitConverter.GetBytes(1ul << 17));
        Refused(frontEnd, SetMemTable, [9, 9, 9, 9]);
        Refused(frontEnd, SetMemTable, [1, 0, 0, 0, 0, 0, 0, 0, .. region]);
        Refused(frontEnd, SetMemTable, [1, 0, 0, 0, 0, 0, 0, 0, .. region], guest.Ram.Descriptor, guest.Ram.Descriptor);
        Refused(frontEnd, SetMemTable, [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0], guest.Ram.Descriptor);
        Refused(frontEnd, AddRegion, [.. new byte[8], .. region], guest.Ram.Descriptor);
        Refused(frontEnd, AddRegion, [.. new byte[8], .. FrontEnd.Region(0, 0, 0, 0)], guest.Ram.Descriptor);
        Refused(frontEnd, AddRegion, [.. new byte[8], .. FrontEnd.Region(ulong.MaxValue, 2, 0, 0)], guest.Ram.Descriptor);
        Refused(frontEnd, AddRegion, [.. new byte[8], .. FrontEnd.Region(0, ulong.MaxValue, 0, 1)], guest.Ram.Descriptor);
        Refused(frontEnd, AddRegion, [.. new byte[8], .. FrontEnd.Region(0, 4096, 0, guest.Ram.Size)], guest.Ram.Descriptor);
        Refused(frontEnd, RemoveRegion, [.. new byte[8], .. FrontEnd.Region(1, 2, 3, 4)]);
        Refused(frontEnd, SetVringNum, [0, 0, 0, 0, 128, 0, 0, 0]);
        Refused(frontEnd, SetVringNum, [7, 0, 0, 0, 128, 0, 0, 0]);
        Refused(frontEnd, SetVringBase, [0, 0, 0, 0, 0, 0, 0, 0]);
        Refused(frontEnd, SetVringKick, [3, 0, 0, 0, 0, 0, 0, 0], guest.Rings[0].Kick);
        Refused(frontEnd, SetVringKick, [0, 0, 0, 0, 0, 0, 0, 0]);
        Refused(frontEnd, SetConfig, [0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, .. new byte[8]]);
        Refused(frontEnd, SetConfig, [32, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 1]);
        Refused(frontEnd, SetStatus, BitConverter.GetBytes(256ul));
        Refused(frontEnd, SetInflight, new byte[24], guest.Ram.Descriptor);
        Refused(frontEnd, 77, []);

        Assert.Equal(0, guest.Write(0, new byte[512]).Status);
    }

    [Fact]
    public async Task A_ring_that_cannot_be_does_not_start()
    {
        await using var disk = new ServedDisk();
        using var guest = disk.Connect();
        guest.StopRing();

        foreach (var (size, from) in ((uint, uint)[])[(100, 0), (128, 70_000)])
        {
            guest.FrontEnd.SendRing(SetVringNum, 0, size);
            guest.FrontEnd.SendRing(SetVringBase, 0, from);
            Refused(guest.FrontEnd, SetVringKick, new byte[8], guest.Rings[0].Kick);
            guest.StopRing();
        }

        Refused(guest.FrontEnd, SetVringNum, [0, 0, 0, 0, 1, 4, 0, 0]);
        guest.FrontEnd.SendRing(SetVringNum, 0, 128);
        guest.FrontEnd.SendRing(SetVringBase, 0, 0);
        guest.FrontEnd.Send(9, [.. new byte[8], .. new byte[32]]);
        Refused(guest.FrontEnd, SetVringKick, new byte[8], guest.Rings[0].Kick);
        guest.StopRing();
        guest.StartRing(0, 0);
        Assert.Equal(0, guest.Write(0, new byte[512]).Status);
        Refused(guest.FrontEnd, 9, [.. new byte[8], .. BitConverter.GetBytes(1ul), .. new byte[24]]);
        Assert.Equal(0, guest.Write(0, new byte[512]).Status);
    }

    [Theory]
    [InlineData(1, 0x9, 5000)]
    [InlineData(1, 0x0, 0)]
    [InlineData(SetFeatures, 0x1, 4)]
    [InlineData(SetVringEnable, 0x1, 3)]
    [InlineData(200, 0x1, 0)]
    public async Task What_is_no_message_ends_the_connection(uint request, uint flags, int size)
    {
        await using var disk = new ServedDisk();
        using (var frontEnd = new FrontEnd(disk.Socket))
        {
            frontEnd.Send(request, new byte[size], flags);

            Assert.True(frontEnd.IsClosed());
        }

        using var next = disk.Connect();
        Assert.Equal(0, next.Write(0, new byte[512]).Status);
    }

    [Fact]
    public async Task Half_a_message_and_a_quick_goodbye_leave_nothing_behind()
    {
        await using var disk = new ServedDisk();
        for (var i = 0; i < 20; i++)
        {
            using var frontEnd = new FrontEnd(disk.Socket);
            frontEnd.Socket.Send(new byte[i]);
        }

        using var next = disk.Connect();
        Assert.Equal(0, next.Write(0, new byte[512]).Status);
    }

    [Fact]
    public async Task Another_part_of_the_configuration_space_is_zeroes_and_too_much_an_error()
    {
        await using var disk = new ServedDisk();
        using var guest = disk.Connect();

        Assert.Equal(new byte[100], guest.Config(60, 100));
        Assert.Empty(guest.Config(5000, 8));
        Assert.Empty(guest.FrontEnd.Ask(24, [0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0]).Payload);
    }

    private static void Refused(
        FrontEnd frontEnd, uint request, ReadOnlySpan<byte> payload, params ReadOnlySpan<int> descriptors) =>
        Assert.Equal(1ul, frontEnd.Acknowledged(request, payload, descriptors));
}
