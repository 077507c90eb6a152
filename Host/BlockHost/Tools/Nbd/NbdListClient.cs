// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Net.Security;
using System.Text;

namespace BlockHost.Tools.Nbd;

internal sealed record NbdListedExport(string Name, string Description)
{
    public long Size { get; set; }

    public int? Flags { get; set; }

    public uint? MinBlock { get; set; }

    public uint PreferredBlock { get; set; }

    public uint MaxBlock { get; set; }

    public List<string> Contexts { get; } = [];
}

/// <summary>
/// The client's half of NBD's option haggling, as far as listing needs it (doc/proto.md, "Fixed newstyle negotiation").
/// <code>
///   server: "NBDMAGIC" "IHAVEOPT" flags(16)          client: flags(32)
///   client: "IHAVEOPT" option(32) length(32) data    server: magic(64) option(32) reply(32) length(32) data
/// </code>
/// </summary>
internal sealed class NbdListClient(Stream transport)
{
    private Stream _stream = transport;

    private const ulong InitMagic = 0x4e42444d41474943;
    private const ulong OptionMagic = 0x49484156454f5054;
    private const ulong ReplyMagic = 0x3e889045565a9;
    private const int MaxReply = 64 * 1024;
    private const int MaxExports = 1 << 16;

    private const uint FixedNewstyle = 1;
    private const uint NoZeroes = 2;
    private const uint ExportName = 1;
    private const uint Abort = 2;
    private const uint List = 3;
    private const uint StartTls = 5;
    private const uint Info = 6;
    private const uint StructuredReply = 8;
    private const uint ListMetaContext = 9;

    private const uint Ack = 1;
    private const uint Server = 2;
    private const uint InfoReply = 3;
    private const uint MetaContext = 4;
    private const uint ErrorBit = 1u << 31;

    /// <param name="tls">Null: without TLS.</param>
    public async ValueTask<IReadOnlyList<NbdListedExport>> ListAsync(SslClientAuthenticationOptions? tls, CancellationToken cancellationToken)
    {
        await GreetAsync(cancellationToken);
        if (tls is not null)
            await StartTlsAsync(tls, cancellationToken);
        var exports = new List<NbdListedExport>();
        await AskAsync(List, [], (reply, data) => AddExport(exports, reply, data), cancellationToken);
        var structured = await AskAsync(StructuredReply, [], (_, _) => { }, cancellationToken);
        foreach (var export in exports)
        {
            await AskAsync(Info, [.. Name(export.Name), 0, 1, 0, 3], (reply, data) => AddInfo(export, reply, data), cancellationToken);
            if (structured)
                await AskAsync(ListMetaContext, [.. Name(export.Name), 0, 0, 0, 0], (reply, data) => AddContext(export, reply, data), cancellationToken);
        }

        await SendAsync(Abort, [], cancellationToken);
        return exports;
    }

    /// <summary>Enters the transmission of an export.</summary>
    /// <returns>Its size, and its transmission flags.</returns>
    public async ValueTask<(long Size, int Flags)> EnterAsync(string name, CancellationToken cancellationToken)
    {
        const int infoLength = 10;
        await GreetAsync(cancellationToken);
        await SendAsync(ExportName, Encoding.UTF8.GetBytes(name), cancellationToken);
        var info = new byte[infoLength];
        await _stream.ReadExactlyAsync(info, cancellationToken);
        return (BinaryPrimitives.ReadInt64BigEndian(info), BinaryPrimitives.ReadUInt16BigEndian(info.AsSpan(8)));
    }

    private static byte[] Name(string name)
    {
        var utf8 = Encoding.UTF8.GetBytes(name);
        var bytes = new byte[4 + utf8.Length];
        BinaryPrimitives.WriteInt32BigEndian(bytes, utf8.Length);
        utf8.CopyTo(bytes, 4);
        return bytes;
    }

    private static void AddExport(List<NbdListedExport> exports, uint reply, ReadOnlySpan<byte> data)
    {
        if (reply != Server)
            return;
        if (exports.Count == MaxExports)
            throw new InvalidDataException("the server lists too many exports");
        var length = data.Length < 4 ? uint.MaxValue : BinaryPrimitives.ReadUInt32BigEndian(data);
        if (length > data.Length - 4)
            throw new InvalidDataException("the server's list is malformed");
        exports.Add(new(Encoding.UTF8.GetString(data.Slice(4, (int)length)), Encoding.UTF8.GetString(data[(4 + (int)length)..])));
    }

    private static void AddInfo(NbdListedExport export, uint reply, ReadOnlySpan<byte> data)
    {
        if (reply != InfoReply || data.Length < 2)
            return;
        switch (BinaryPrimitives.ReadUInt16BigEndian(data))
        {
            case 0 when data.Length == 12:
                export.Size = BinaryPrimitives.ReadInt64BigEndian(data[2..]);
                export.Flags = BinaryPrimitives.ReadUInt16BigEndian(data[10..]);
                break;
            case 3 when data.Length == 14:
                export.MinBlock = BinaryPrimitives.ReadUInt32BigEndian(data[2..]);
                export.PreferredBlock = BinaryPrimitives.ReadUInt32BigEndian(data[6..]);
                export.MaxBlock = BinaryPrimitives.ReadUInt32BigEndian(data[10..]);
                break;
        }
    }

    private static void AddContext(NbdListedExport export, uint reply, ReadOnlySpan<byte> data)
    {
        if (reply == MetaContext && data.Length > 4)
            export.Contexts.Add(Encoding.UTF8.GetString(data[4..]));
    }

    private async ValueTask GreetAsync(CancellationToken cancellationToken)
    {
        var greeting = new byte[18];
        await _stream.ReadExactlyAsync(greeting, cancellationToken);
        if (BinaryPrimitives.ReadUInt64BigEndian(greeting) != InitMagic || BinaryPrimitives.ReadUInt64BigEndian(greeting.AsSpan(8)) != OptionMagic)
            throw new InvalidDataException("the server does not speak NBD's newstyle");
        if ((BinaryPrimitives.ReadUInt16BigEndian(greeting.AsSpan(16)) & FixedNewstyle) == 0)
            throw new InvalidDataException("the server does not speak NBD's fixed newstyle");
        await _stream.WriteAsync(new byte[] { 0, 0, 0, (byte)(FixedNewstyle | NoZeroes) }, cancellationToken);
    }

    private async ValueTask StartTlsAsync(SslClientAuthenticationOptions tls, CancellationToken cancellationToken)
    {
        if (!await AskAsync(StartTls, [], (_, _) => { }, cancellationToken))
            throw new InvalidDataException("Server does not support TLS");
        var secure = new SslStream(_stream);
        await secure.AuthenticateAsClientAsync(tls, cancellationToken);
        _stream = secure;
    }

    /// <returns>False where the server refused.</returns>
    private async ValueTask<bool> AskAsync(uint option, byte[] data, ReplyHandler handler, CancellationToken cancellationToken)
    {
        await SendAsync(option, data, cancellationToken);
        while (true)
        {
            var (reply, payload) = await ReceiveAsync(option, cancellationToken);
            if ((reply & ErrorBit) != 0 || reply == Ack)
                return reply == Ack;
            handler(reply, payload);
        }
    }

    private ValueTask SendAsync(uint option, byte[] data, CancellationToken cancellationToken)
    {
        var message = new byte[16 + data.Length];
        BinaryPrimitives.WriteUInt64BigEndian(message, OptionMagic);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(8), option);
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(12), data.Length);
        data.CopyTo(message, 16);
        return _stream.WriteAsync(message, cancellationToken);
    }

    private async ValueTask<(uint Reply, byte[] Data)> ReceiveAsync(uint option, CancellationToken cancellationToken)
    {
        var header = new byte[20];
        await _stream.ReadExactlyAsync(header, cancellationToken);
        var length = BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(16));
        if (BinaryPrimitives.ReadUInt64BigEndian(header) != ReplyMagic || BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(8)) != option || length > MaxReply)
            throw new InvalidDataException("the server's reply is malformed");
        var data = new byte[length];
        await _stream.ReadExactlyAsync(data, cancellationToken);
        return (BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(12)), data);
    }

    private delegate void ReplyHandler(uint reply, ReadOnlySpan<byte> data);
}
