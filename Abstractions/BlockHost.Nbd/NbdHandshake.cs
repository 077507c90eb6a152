// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Net.Security;
using System.Security.Authentication;
using BlockHost.Block;

namespace BlockHost.Nbd;

/// <summary>What a client has agreed on with a server when requests begin.</summary>
/// <param name="Context">Id of the metadata context that was asked for; null where the server does not have it.</param>
public sealed record NbdSession(NbdExportInfo Export, bool StructuredReplies, uint? Context);

/// <summary>
/// The client's half of the handshake, up to the first request:
/// <code>
///   greeting ─► STARTTLS ─► STRUCTURED_REPLY ─► SET_META_CONTEXT ─► GO ─► requests         fixed newstyle
///       │                                                            └─► LIST, EXPORT_NAME  where there is no GO
///       └─► size and flags ─► requests                                                     oldstyle
/// </code>
/// Errors are <see cref="BlockException"/>s in the words of QEMU's clients.
/// </summary>
public sealed partial class NbdHandshake(Stream transport)
{
    private readonly OptionChannel _options = new(transport);
    private HandshakeFlags _flags;
    private NbdExportInfo? _oldstyle;

    /// <summary>What requests go over: the transport, or TLS over it.</summary>
    public Stream Stream => _options.Stream;

    /// <summary>Reads the server's greeting and answers it; comes first.</summary>
    public async ValueTask GreetAsync(CancellationToken cancellationToken)
    {
        var magic = await ReadUInt64Async("initial magic", cancellationToken).ConfigureAwait(false);
        if (magic != Wire.GreetingMagic)
            throw OptionChannel.Malformed($"Bad initial magic received: 0x{magic:x}");
        magic = await ReadUInt64Async("server magic", cancellationToken).ConfigureAwait(false);
        if (magic == Wire.OldstyleMagic)
        {
            _oldstyle = await ReadOldstyleAsync(cancellationToken).ConfigureAwait(false);
            return;
        }

        if (magic != Wire.OptionMagic)
            throw OptionChannel.Malformed($"Bad server magic received: 0x{magic:x}");
        var flags = await _options.ReadAsync(2, "server flags", cancellationToken).ConfigureAwait(false);
        _flags = (HandshakeFlags)BinaryPrimitives.ReadUInt16BigEndian(flags)
            & (HandshakeFlags.FixedNewstyle | HandshakeFlags.NoZeroes);
        await _options.WriteAsync(
            new byte[] { 0, 0, 0, (byte)_flags }, "clientflags field", cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Goes on inside TLS, or throws: a server that refuses it is not talked to in the clear.</summary>
    public async ValueTask StartTlsAsync(SslClientAuthenticationOptions credentials, CancellationToken cancellationToken)
    {
        if ((_flags & HandshakeFlags.FixedNewstyle) == 0)
            throw new BlockException(BlockErrorKind.NotSupported, "Server does not support STARTTLS");
        await _options.SendAsync(NbdOption.StartTls, [], cancellationToken).ConfigureAwait(false);
        var answer = await _options.ReceiveAsync(NbdOption.StartTls, cancellationToken).ConfigureAwait(false);
        if (answer.Type == OptionReply.ErrUnsupported)
            throw new BlockException(BlockErrorKind.NotSupported, "Server don't support STARTTLS option");
        if (answer.Type != OptionReply.Ack)
            throw answer.IsError
                ? OptionErrors.Of(NbdOption.StartTls, answer.Type, answer.Text)
                : Unexpected(NbdOption.StartTls, answer);
        if (answer.Data.Length > 0)
            throw NotEmpty(NbdOption.StartTls, answer);
        var secure = new SslStream(_options.Stream);
        try
        {
            await secure.AuthenticateAsClientAsync(credentials, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is AuthenticationException or IOException)
        {
            throw new BlockException(
                BlockErrorKind.PermissionDenied,
                e is AuthenticationException ? e.Message : $"TLS handshake failed: {e.Message}",
                Errno.EINVAL,
                e);
        }

        _options.Stream = secure;
    }

    /// <summary>Enters an export: requests may follow.</summary>
    /// <param name="context">Metadata context to ask for.</param>
    /// <param name="simple">Have the server send simple replies only.</param>
    public async ValueTask<NbdSession> EnterAsync(
        string export, string? context, bool simple, CancellationToken cancellationToken)
    {
        if (_oldstyle is not null)
            return export.Length == 0
                ? new(_oldstyle, false, null)
                : throw OptionChannel.Malformed("Server does not support non-empty export names");
        if ((_flags & HandshakeFlags.FixedNewstyle) == 0)
            return new(await ExportNameAsync(export, cancellationToken).ConfigureAwait(false), false, null);
        var structured = !simple && await StructuredRepliesAsync(cancellationToken).ConfigureAwait(false);
        var contextId = structured && context is not null
            ? await ChooseContextAsync(export, context, cancellationToken).ConfigureAwait(false)
            : null;
        if (await GoAsync(export, cancellationToken).ConfigureAwait(false) is { } info)
            return new(info, structured, contextId);
        await CheckListedAsync(export, cancellationToken).ConfigureAwait(false);
        return new(await ExportNameAsync(export, cancellationToken).ConfigureAwait(false), structured, contextId);
    }

    /// <summary>A polite end of a handshake that enters no export.</summary>
    public ValueTask AbortAsync(CancellationToken cancellationToken) =>
        _oldstyle is null ? _options.SendAsync(NbdOption.Abort, [], cancellationToken) : default;

    private async ValueTask<ulong> ReadUInt64Async(string what, CancellationToken cancellationToken) =>
        BinaryPrimitives.ReadUInt64BigEndian(
            await _options.ReadAsync(sizeof(ulong), what, cancellationToken).ConfigureAwait(false));

    private async ValueTask<NbdExportInfo> ReadOldstyleAsync(CancellationToken cancellationToken)
    {
        var size = await ReadUInt64Async("export length", cancellationToken).ConfigureAwait(false);
        var flags = BinaryPrimitives.ReadUInt32BigEndian(
            await _options.ReadAsync(4, "export flags", cancellationToken).ConfigureAwait(false));
        await _options.ReadAsync(Wire.ExportNamePadding, "reserved block", cancellationToken).ConfigureAwait(false);
        return new() { Size = size, Flags = (TransmissionFlags)(ushort)flags };
    }

    private async ValueTask<NbdExportInfo> ExportNameAsync(string export, CancellationToken cancellationToken)
    {
        await _options.SendAsync(
            NbdOption.ExportName, System.Text.Encoding.UTF8.GetBytes(export), cancellationToken).ConfigureAwait(false);
        var size = await ReadUInt64Async("export length", cancellationToken).ConfigureAwait(false);
        var flags = BinaryPrimitives.ReadUInt16BigEndian(
            await _options.ReadAsync(2, "export flags", cancellationToken).ConfigureAwait(false));
        if ((_flags & HandshakeFlags.NoZeroes) == 0)
            await _options.ReadAsync(Wire.ExportNamePadding, "reserved block", cancellationToken).ConfigureAwait(false);
        return new() { Size = size, Flags = (TransmissionFlags)flags };
    }

    private static BlockException Unexpected(NbdOption option, OptionAnswer answer) => OptionChannel.Malformed(
        $"Server answered option {(uint)option} ({NbdNames.Of(option)}) with unexpected reply {(uint)answer.Type} ({NbdNames.Of(answer.Type)})");

    private static BlockException NotEmpty(NbdOption option, OptionAnswer answer) => OptionChannel.Malformed(
        $"Option {(uint)option} ('{NbdNames.Of(option)}') response length is {answer.Data.Length} (it should be zero)");
}
