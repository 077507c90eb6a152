// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using BlockHost.Plugins.Block.Iscsi.Protocol;

namespace BlockHost.Block.Iscsi.Tests.Fakes;

/// <summary>One connection of a <see cref="FakeTarget"/>.</summary>
internal sealed class TargetSession(FakeTarget target, NetworkStream stream)
{
    private const byte Good = 0;

    private readonly Dictionary<uint, (long Start, byte[] Data, long Come)> _writes = [];
    private bool _headerDigest;
    private bool _dataDigest;

    public uint StatSn { get; set; } = 100;

    public uint ExpectedCommandSn { get; private set; } = 1;

    public async Task RunAsync()
    {
        while (await ReceiveAsync() is { } pdu)
        {
            target.Saw(pdu);
            if (pdu.Opcode == 1)
                ExpectedCommandSn = pdu[24] + 1;
            if (target.Instead is { } instead && await instead(this, pdu))
                continue;
            await ServeAsync(pdu);
        }
    }

    /// <summary>As the next status, with the numbers that belong to it.</summary>
    public async Task SendStatusAsync(TargetPdu pdu)
    {
        pdu.With(24, StatSn++);
        await SendAsync(pdu);
    }

    /// <summary>With the window, and nothing else changed.</summary>
    public async Task SendAsync(TargetPdu pdu)
    {
        pdu.With(28, ExpectedCommandSn).With(32, ExpectedCommandSn + target.Window - 1);
        await SendRawAsync(pdu);
    }

    public async Task SendRawAsync(TargetPdu pdu)
    {
        using var bytes = new MemoryStream();
        bytes.Write(pdu.Header);
        if (_headerDigest)
            bytes.Write(Digest(pdu.Header));
        byte[] padded = [.. pdu.Data, .. new byte[-pdu.Data.Length & 3]];
        bytes.Write(padded);
        if (_dataDigest && padded.Length > 0)
            bytes.Write(Digest(padded));
        var whole = bytes.ToArray();
        await stream.WriteAsync(target.Mutate?.Invoke(whole) ?? whole);
    }

    public Task AnswerAsync(TargetPdu command, byte status = Good, byte[]? sense = null) => SendStatusAsync(TargetPdu.Of(
        0x21, 0x80, sense is null ? null : [(byte)(sense.Length >> 8), (byte)sense.Length, .. sense],
        (0, 0x21800000u | status), (16, command.Tag)));

    public Task CheckConditionAsync(TargetPdu command, byte key, ushort code, byte format = 0x70) => AnswerAsync(
        command, 2, [format, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, (byte)(code >> 8), (byte)code, 0, 0, 0, 0]);

    public async Task ReadyAsync(TargetPdu command, uint offset, uint length, uint tag = 7) => await SendAsync(
        TargetPdu.Of(0x31, 0x80, null, (16, command.Tag), (20, tag), (24, StatSn), (40, offset), (44, length)));

    public async Task DataInAsync(TargetPdu command, uint offset, byte[] data, bool isLast)
    {
        var pdu = TargetPdu.Of(0x25, isLast ? (byte)0x81 : (byte)0, data, (16, command.Tag), (20, uint.MaxValue), (40, offset));
        if (isLast)
            await SendStatusAsync(pdu);
        else
            await SendAsync(pdu);
    }

    private Task ServeAsync(TargetPdu pdu) => pdu.Opcode switch
    {
        0x00 => pdu.Tag == uint.MaxValue ? Task.CompletedTask : SendStatusAsync(
            TargetPdu.Of(0x20, 0x80, null, (16, pdu.Tag), (20, uint.MaxValue))),
        0x01 => CommandAsync(pdu),
        0x02 => SendStatusAsync(TargetPdu.Of(0x22, 0x80, null, (16, pdu.Tag))),
        0x03 => LogInAsync(pdu),
        0x05 => DataAsync(pdu),
        0x06 => SendStatusAsync(TargetPdu.Of(0x26, 0x80, null, (16, pdu.Tag))),
        _ => Task.CompletedTask,
    };

    private async Task LogInAsync(TargetPdu pdu)
    {
        var stage = (pdu.Flags >> 2) & 3;
        var text = stage == 0
            ? $"AuthMethod=None\0TargetPortalGroupTag={target.PortalGroup}\0"
            : string.Concat(target.Keys.Select(key => $"{key.Key}={key.Value}\0"));
        var next = stage == 0 ? 1 : 3;
        await SendStatusAsync(TargetPdu.Of(
            0x23, (byte)(0x80 | (stage << 2) | next), Encoding.ASCII.GetBytes(text), (8, pdu[8]), (12, pdu[12]), (16, pdu.Tag)));
        if (stage != 1)
            return;
        _headerDigest = target.Keys["HeaderDigest"] == "CRC32C";
        _dataDigest = target.Keys["DataDigest"] == "CRC32C";
    }

    private Task CommandAsync(TargetPdu pdu)
    {
        var block = BinaryPrimitives.ReadUInt32BigEndian(pdu.Header.AsSpan(34));
        return pdu.Command switch
        {
            0x12 when pdu.Header[33] == 0 => ReadAsync(pdu, new byte[36]),
            0x12 when pdu.Header[34] == 0x00 => ReadAsync(pdu, [0, 0, 0, 1, 0x80]),
            0x12 => ReadAsync(pdu, [0, 0x80, 0, 4, .. "disk"u8]),
            0x1A => ReadAsync(pdu, [3, 0, 0x10, 0]),
            0x9E => ReadAsync(pdu, Capacity()),
            0x28 => ReadAsync(pdu, target.Disk.AsSpan((int)block * 512, (int)pdu[20]).ToArray()),
            0x2A => WriteAsync(pdu, block * 512),
            _ => AnswerAsync(pdu),
        };
    }

    private byte[] Capacity()
    {
        var capacity = new byte[32];
        BinaryPrimitives.WriteInt64BigEndian(capacity, (target.Disk.Length / 512) - 1);
        BinaryPrimitives.WriteInt32BigEndian(capacity.AsSpan(8), 512);
        return capacity;
    }

    private async Task ReadAsync(TargetPdu command, byte[] data)
    {
        for (var start = 0; start < data.Length; start += target.DataInLength)
        {
            var length = Math.Min(target.DataInLength, data.Length - start);
            var isLast = start + length == data.Length && data.Length == command[20];
            await DataInAsync(command, (uint)start, data[start..(start + length)], isLast);
        }

        if (data.Length != command[20])
            await AnswerAsync(command);
    }

    private async Task WriteAsync(TargetPdu command, long start)
    {
        var data = new byte[command[20]];
        command.Data.CopyTo(data, 0);
        _writes[command.Tag] = (start, data, command.Data.Length);
        // More comes without having been asked for where the command was not the last of it.
        if ((command.Flags & 0x80) != 0)
            await GoOnAsync(command);
    }

    private async Task DataAsync(TargetPdu pdu)
    {
        var (start, data, come) = _writes[pdu.Tag];
        Assert.Equal(come, pdu[40]);
        pdu.Data.CopyTo(data, pdu[40]);
        _writes[pdu.Tag] = (start, data, come + pdu.Data.Length);
        if ((pdu.Flags & 0x80) != 0)
            await GoOnAsync(pdu);
    }

    private async Task GoOnAsync(TargetPdu pdu)
    {
        var (start, data, come) = _writes[pdu.Tag];
        if (come < data.Length)
        {
            var most = int.Parse(target.Keys["MaxBurstLength"], null);
            await ReadyAsync(pdu, (uint)come, (uint)Math.Min(most, data.Length - come));
            return;
        }

        data.CopyTo(target.Disk, start);
        _writes.Remove(pdu.Tag);
        await AnswerAsync(pdu);
    }

    private async Task<TargetPdu?> ReceiveAsync()
    {
        var header = new byte[48];
        await stream.ReadExactlyAsync(header);
        if (_headerDigest)
            await CheckAsync(header);
        var data = new byte[BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(4)) & 0xFFFFFF];
        var padded = new byte[(data.Length + 3) & ~3];
        await stream.ReadExactlyAsync(padded);
        if (_dataDigest && padded.Length > 0)
            await CheckAsync(padded);
        padded.AsSpan(0, data.Length).CopyTo(data);
        return new TargetPdu(header, data);
    }

    private async Task CheckAsync(byte[] bytes)
    {
        var digest = new byte[4];
        await stream.ReadExactlyAsync(digest);
        Assert.Equal(Digest(bytes), digest);
    }

    private static byte[] Digest(byte[] bytes) => BitConverter.GetBytes(Crc32C.Of(bytes));
}
