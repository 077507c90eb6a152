// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Ssh.Sftp;

[Flags]
internal enum SftpOpenFlags : uint
{
    Read = 1,
    Write = 2,
    Create = 8,
    Truncate = 16,
}

/// <summary>
/// An open file. Requests are cut into packets of what the server takes (limits@openssh.com; without it 32 KiB, which every
/// server does), all of which are under way at once.
/// </summary>
internal sealed class SftpFile
{
    private const string FsyncExtension = "fsync@openssh.com";
    private const string LimitsExtension = "limits@openssh.com";
    private const int SafeTransfer = 32 << 10;
    private const int LargestTransfer = 256 << 10;

    private readonly SftpChannel _channel;
    private readonly byte[] _handle;
    private readonly int _maxRead;
    private readonly int _maxWrite;

    private SftpFile(SftpChannel channel, byte[] handle, (int Read, int Write) limits)
    {
        (_channel, _handle) = (channel, handle);
        (_maxRead, _maxWrite) = limits;
    }

    public bool CanFlush => _channel.Extensions.Contains(FsyncExtension);

    /// <exception cref="IOException">The server refuses, or is gone.</exception>
    public static async ValueTask<SftpFile> OpenAsync(SftpChannel channel, string path, SftpOpenFlags flags)
    {
        // rw-r--r--, of which the server's umask takes away.
        const uint permissionsGiven = 4, permissions = 0x1A4;
        var opened = await channel.AskAsync(
            SftpPacketType.Open,
            packet => packet.String(path).Number((uint)flags).Number(permissionsGiven).Number(permissions)).ConfigureAwait(false);
        var handle = opened.Require(SftpPacketType.Handle).Bytes().ToArray();
        return new SftpFile(channel, handle, await LimitsAsync(channel).ConfigureAwait(false));
    }

    /// <summary>Bytes of the file.</summary>
    public async ValueTask<long> LengthAsync()
    {
        const uint sizeGiven = 1;
        var reply = await _channel.AskAsync(SftpPacketType.Fstat, packet => packet.String(_handle)).ConfigureAwait(false);
        var reader = reply.Require(SftpPacketType.Attributes);
        return (reader.Number() & sizeGiven) != 0 ? reader.Long() : throw SftpFault.Malformed("a file without a size");
    }

    /// <summary>What lies behind the file's end reads as zeroes.</summary>
    public ValueTask ReadAsync(long offset, IoSlice target) =>
        target.Length <= _maxRead ? ReadPartAsync(offset, target) : InPartsAsync(offset, target, _maxRead, ReadPartAsync);

    public ValueTask WriteAsync(long offset, IoSlice source) =>
        source.Length <= _maxWrite ? WritePartAsync(offset, source) : InPartsAsync(offset, source, _maxWrite, WritePartAsync);

    public async ValueTask FlushAsync()
    {
        var reply = await _channel.AskAsync(
            SftpPacketType.Extended, packet => packet.String(FsyncExtension).String(_handle), isPatient: true)
            .ConfigureAwait(false);
        reply.RequireOk();
    }

    public async ValueTask SetLengthAsync(long length)
    {
        const uint sizeGiven = 1;
        var reply = await _channel.AskAsync(
            SftpPacketType.Fsetstat, packet => packet.String(_handle).Number(sizeGiven).Long(length)).ConfigureAwait(false);
        reply.RequireOk();
    }

    public async ValueTask CloseAsync()
    {
        var reply = await _channel.AskAsync(SftpPacketType.Close, packet => packet.String(_handle)).ConfigureAwait(false);
        reply.RequireOk();
    }

    private static async ValueTask<(int Read, int Write)> LimitsAsync(SftpChannel channel)
    {
        if (!channel.Extensions.Contains(LimitsExtension))
            return (SafeTransfer, SafeTransfer);
        var reply = await channel.AskAsync(SftpPacketType.Extended, packet => packet.String(LimitsExtension))
            .ConfigureAwait(false);
        var reader = reply.Require(SftpPacketType.ExtendedReply);
        _ = reader.Long();
        return (Bounded(reader.Long()), Bounded(reader.Long()));
    }

    /// <summary>Zero: the server names no limit.</summary>
    private static int Bounded(long limit) =>
        (int)Math.Clamp(limit == 0 ? LargestTransfer : limit, SafeTransfer, LargestTransfer);

    private static async ValueTask InPartsAsync(long offset, IoSlice data, int size, Func<long, IoSlice, ValueTask> one)
    {
        var parts = new List<Task>();
        for (long at = 0; at < data.Length; at += size)
            parts.Add(one(offset + at, data.Slice(at, Math.Min(size, data.Length - at))).AsTask());
        await Task.WhenAll(parts).ConfigureAwait(false);
    }

    private async ValueTask ReadPartAsync(long offset, IoSlice target)
    {
        while (target.Length > 0)
        {
            var (at, wanted) = (offset, (uint)target.Length);
            var reply = await _channel.AskAsync(
                SftpPacketType.Read, packet => packet.String(_handle).Long(at).Number(wanted), target: target)
                .ConfigureAwait(false);
            if (reply.Type != SftpPacketType.Data)
            {
                if (reply.Status(out var message) is not SftpStatus.Eof and var status)
                    throw SftpFault.Refused(status, message);
                target.Clear();
                return;
            }

            if (reply.DataLength == 0)
                throw SftpFault.Malformed("no data, and no end of the file either");
            (offset, target) = (offset + reply.DataLength, target.Slice(reply.DataLength));
        }
    }

    private async ValueTask WritePartAsync(long offset, IoSlice source)
    {
        var reply = await _channel.AskAsync(
            SftpPacketType.Write, packet => packet.String(_handle).Long(offset), source).ConfigureAwait(false);
        reply.RequireOk();
    }
}
