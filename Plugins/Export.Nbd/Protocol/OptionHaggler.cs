// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;
using BlockHost.Nbd;

namespace BlockHost.Plugins.Export.Nbd.Protocol;

internal enum HaggleResult
{
    /// <summary>More bytes of the client are needed.</summary>
    Continue,

    /// <summary>Send what is written; others have their turn before this client's next option.</summary>
    Pause,

    /// <summary>Send what is written, then close.</summary>
    Close,

    /// <summary>Send what is written, then start TLS and haggle on inside it.</summary>
    StartTls,

    /// <summary>Send what is written; requests follow.</summary>
    Transmission,
}

/// <summary>
/// The fixed newstyle handshake of one client, free of I/O: bytes in, bytes out.
/// <code>
///   greeting ─► client flags ─► options ─┬─► GO, EXPORT_NAME ─► transmission
///                                ▲       ├─► ABORT ─► close
///                                └── STARTTLS
/// </code>
/// </summary>
/// <param name="tlsOffered">The server has credentials: until TLS runs, only STARTTLS and ABORT are taken.</param>
internal sealed class OptionHaggler(IExportDirectory exports, bool tlsOffered)
{
    /// <summary>Longer options are refused unread: none has a use for that much.</summary>
    private const int MaxOptionLength = 64 << 10;

    /// <summary>No option is taken once this much is written.</summary>
    private const int MaxOutput = 64 << 10;

    private const int MaxOptionsATurn = 32;

    private HandshakeFlags? _clientFlags;
    private bool _tlsRunning;
    private INegotiableExport? _contextsOf;
    private ImmutableSortedSet<uint> _contexts = [];

    /// <summary>The export of the transmission phase.</summary>
    public INegotiableExport? Export { get; private set; }

    public bool StructuredReplies { get; private set; }

    public ImmutableSortedSet<uint> Contexts => ReferenceEquals(Export, _contextsOf) ? _contexts : [];

    private bool TlsMissing => tlsOffered && !_tlsRunning;

    /// <summary>TLS runs: what was agreed in the clear is void.</summary>
    public void TlsStarted()
    {
        _tlsRunning = true;
        StructuredReplies = false;
        _contextsOf = null;
    }

    /// <summary>
    /// Takes complete messages from <paramref name="input"/> until one changes the phase, or they are enough for a turn.
    /// </summary>
    public HaggleResult Consume(ReadOnlySpan<byte> input, out int consumed, ArrayBufferWriter<byte> output)
    {
        consumed = 0;
        for (var options = 0; ; options++)
        {
            if (options >= MaxOptionsATurn || output.WrittenCount >= MaxOutput)
                return HaggleResult.Pause;
            var rest = input[consumed..];
            if (_clientFlags is null)
            {
                if (rest.Length < Wire.ClientFlagsLength)
                    return HaggleResult.Continue;
                if (!TakeClientFlags(BinaryPrimitives.ReadUInt32BigEndian(rest)))
                    return HaggleResult.Close;
                consumed += Wire.ClientFlagsLength;
                continue;
            }

            if (rest.Length < Wire.OptionHeaderLength)
                return HaggleResult.Continue;
            var option = (NbdOption)BinaryPrimitives.ReadUInt32BigEndian(rest[8..]);
            var length = BinaryPrimitives.ReadUInt32BigEndian(rest[12..]);
            if (BinaryPrimitives.ReadUInt64BigEndian(rest) != Wire.OptionMagic)
                return HaggleResult.Close;
            if (length > MaxOptionLength)
                return TooBig(option, output);
            if (rest.Length - Wire.OptionHeaderLength < length)
                return HaggleResult.Continue;
            consumed += Wire.OptionHeaderLength + (int)length;
            var result = Take(option, rest.Slice(Wire.OptionHeaderLength, (int)length), output);
            if (result != HaggleResult.Continue)
                return result;
        }
    }

    private bool TakeClientFlags(uint flags)
    {
        _clientFlags = (HandshakeFlags)flags;
        return (flags & ~(uint)(HandshakeFlags.FixedNewstyle | HandshakeFlags.NoZeroes)) == 0;
    }

    private static HaggleResult TooBig(NbdOption option, IBufferWriter<byte> output)
    {
        OptionReplies.Error(output, option, OptionReply.ErrTooBig, $"option data is longer than {MaxOptionLength} bytes");
        return HaggleResult.Close;
    }

    private HaggleResult Take(NbdOption option, ReadOnlySpan<byte> data, IBufferWriter<byte> output)
    {
        // A client that is not "fixed" cannot read error replies, and knows only EXPORT_NAME.
        if ((_clientFlags & HandshakeFlags.FixedNewstyle) == 0 && option != NbdOption.ExportName)
            return HaggleResult.Close;
        if (TlsMissing && option is not (NbdOption.StartTls or NbdOption.Abort))
            return RefuseWithoutTls(option, output);
        switch (option)
        {
            case NbdOption.ExportName:
                return TakeExportName(data, output);
            case NbdOption.Abort:
                OptionReplies.Reply(output, option, OptionReply.Ack);
                return HaggleResult.Close;
            case NbdOption.List:
                return TakeList(data, output);
            case NbdOption.StartTls:
                return TakeStartTls(data, output);
            case NbdOption.Info or NbdOption.Go:
                return TakeInfo(option, data, output);
            case NbdOption.StructuredReply:
                return TakeStructuredReply(data, output);
            case NbdOption.ListMetaContext or NbdOption.SetMetaContext:
                return TakeMetaContext(option, data, output);
            default:
                OptionReplies.Error(output, option, OptionReply.ErrUnsupported, $"Unsupported option {(uint)option} (<unknown>)");
                return HaggleResult.Continue;
        }
    }

    private static HaggleResult RefuseWithoutTls(NbdOption option, IBufferWriter<byte> output)
    {
        if (option == NbdOption.ExportName)
            return HaggleResult.Close;
        return Refuse(output, option, OptionReply.ErrTlsRequired, $"Option 0x{(uint)option:x} not permitted before TLS");
    }

    private HaggleResult TakeExportName(ReadOnlySpan<byte> data, IBufferWriter<byte> output)
    {
        if (data.Length > Wire.MaxStringLength || !exports.TryFind(Encoding.UTF8.GetString(data), out var export))
            return HaggleResult.Close;
        OptionReplies.ExportName(output, export, StructuredReplies, padded: (_clientFlags & HandshakeFlags.NoZeroes) == 0);
        Export = export;
        return HaggleResult.Transmission;
    }

    private HaggleResult TakeList(ReadOnlySpan<byte> data, IBufferWriter<byte> output)
    {
        if (!data.IsEmpty)
            return UnexpectedLength(output, NbdOption.List);
        foreach (var export in exports.List())
            OptionReplies.Server(output, export);
        return Accept(output, NbdOption.List);
    }

    private HaggleResult TakeStartTls(ReadOnlySpan<byte> data, IBufferWriter<byte> output)
    {
        if (!data.IsEmpty)
            return UnexpectedLength(output, NbdOption.StartTls);
        if (!tlsOffered)
            return Refuse(output, NbdOption.StartTls, OptionReply.ErrPolicy, "TLS not configured");
        if (_tlsRunning)
            return Refuse(output, NbdOption.StartTls, OptionReply.ErrInvalid, "TLS is running already");
        OptionReplies.Reply(output, NbdOption.StartTls, OptionReply.Ack);
        return HaggleResult.StartTls;
    }

    private HaggleResult TakeStructuredReply(ReadOnlySpan<byte> data, IBufferWriter<byte> output)
    {
        if (!data.IsEmpty)
            return UnexpectedLength(output, NbdOption.StructuredReply);
        if (StructuredReplies)
            return Refuse(output, NbdOption.StructuredReply, OptionReply.ErrInvalid, "structured reply already negotiated");
        StructuredReplies = true;
        return Accept(output, NbdOption.StructuredReply);
    }

    private HaggleResult TakeInfo(NbdOption option, ReadOnlySpan<byte> data, IBufferWriter<byte> output)
    {
        var reader = new OptionReader(data);
        if (!reader.TryReadString(out var name))
            return Inconsistent(output, option);
        if (Encoding.UTF8.GetByteCount(name) > Wire.MaxStringLength)
            return Refuse(output, option, OptionReply.ErrInvalid, $"Invalid name length: {Encoding.UTF8.GetByteCount(name)}");
        if (!TryReadInfoRequests(ref reader, out var wanted))
            return Inconsistent(output, option);
        if (!reader.AtEnd)
            return UnexpectedLength(output, option);
        if (!exports.TryFind(name, out var export))
            return Refuse(output, option, OptionReply.ErrUnknown, $"export '{name}' not present");
        WriteInfo(output, option, export, wanted);
        if (option == NbdOption.Info && export.MinimumBlockSize > 1 && !Wants(wanted, InfoType.BlockSize))
            return Refuse(output, option, OptionReply.ErrBlockSizeRequired, "request NBD_INFO_BLOCK_SIZE to use this export");
        Accept(output, option);
        if (option == NbdOption.Info)
            return HaggleResult.Continue;
        Export = export;
        return HaggleResult.Transmission;
    }

    private void WriteInfo(IBufferWriter<byte> output, NbdOption option, INegotiableExport export, uint wanted)
    {
        if (Wants(wanted, InfoType.Name))
            OptionReplies.TextInfo(output, option, InfoType.Name, export.Name);
        if (export.Description is { } description)
            OptionReplies.TextInfo(output, option, InfoType.Description, description);
        var minimum = option == NbdOption.Info || Wants(wanted, InfoType.BlockSize) ? export.MinimumBlockSize : 1;
        OptionReplies.BlockSizeInfo(output, option, minimum, preferred: Math.Max(4096, minimum));
        OptionReplies.ExportInfo(output, option, export, StructuredReplies);
    }

    /// <summary>The requested information types as a bit mask; unknown ones are ignored.</summary>
    private static bool TryReadInfoRequests(ref OptionReader reader, out uint wanted)
    {
        wanted = 0;
        if (!reader.TryReadUInt16(out var count))
            return false;
        for (var i = 0; i < count; i++)
        {
            if (!reader.TryReadUInt16(out var type))
                return false;
            if (type < 32)
                wanted |= 1u << type;
        }

        return true;
    }

    private static bool Wants(uint wanted, InfoType type) => (wanted & (1u << (int)type)) != 0;

    private HaggleResult TakeMetaContext(NbdOption option, ReadOnlySpan<byte> data, IBufferWriter<byte> output)
    {
        var listing = option == NbdOption.ListMetaContext;
        if (!listing && !StructuredReplies)
            return Refuse(
                output,
                option,
                OptionReply.ErrInvalid,
                "request option 'set meta context' when structured reply is not negotiated");
        var reader = new OptionReader(data);
        if (!reader.TryReadString(out var name) || !reader.TryReadUInt32(out var count))
            return Inconsistent(output, option);
        if (!exports.TryFind(name, out var export))
            return Refuse(output, option, OptionReply.ErrUnknown, $"export '{name}' not present");
        var chosen = listing && count == 0 ? MetaContexts.All(export) : [];
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0u; i < count; i++)
        {
            if (!reader.TryReadString(out var query))
                return Inconsistent(output, option);
            if (seen.Add(query))
                chosen = chosen.Union(MetaContexts.Match(query, listing, export));
        }

        if (!reader.AtEnd)
            return UnexpectedLength(output, option);
        if (!listing)
            (_contextsOf, _contexts) = (export, chosen);
        // A listing gives no ids: contexts get them when they are chosen.
        foreach (var context in chosen)
            OptionReplies.MetaContext(output, option, listing ? 0 : context, MetaContexts.NameOf(export, context));
        return Accept(output, option);
    }

    private static HaggleResult Accept(IBufferWriter<byte> output, NbdOption option)
    {
        OptionReplies.Reply(output, option, OptionReply.Ack);
        return HaggleResult.Continue;
    }

    private static HaggleResult Refuse(IBufferWriter<byte> output, NbdOption option, OptionReply type, string message)
    {
        OptionReplies.Error(output, option, type, message);
        return HaggleResult.Continue;
    }

    private static HaggleResult UnexpectedLength(IBufferWriter<byte> output, NbdOption option) =>
        Refuse(output, option, OptionReply.ErrInvalid, $"option '{NbdNames.Of(option)}' has unexpected length");

    private static HaggleResult Inconsistent(IBufferWriter<byte> output, NbdOption option) =>
        Refuse(output, option, OptionReply.ErrInvalid, $"Inconsistent lengths in option {NbdNames.Of(option)}");
}
