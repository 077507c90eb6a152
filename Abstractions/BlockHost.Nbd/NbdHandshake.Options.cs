// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Numerics;
using System.Text;
using BlockHost.Block;

namespace BlockHost.Nbd;

/// <summary>The options one by one.</summary>
public sealed partial class NbdHandshake
{
    private const int MaxExports = 1 << 16;

    /// <returns>False: the server has no structured replies.</returns>
    public async ValueTask<bool> StructuredRepliesAsync(CancellationToken cancellationToken)
    {
        if ((_flags & HandshakeFlags.FixedNewstyle) == 0)
            return false;
        await _options.SendAsync(NbdOption.StructuredReply, [], cancellationToken).ConfigureAwait(false);
        var answer = await _options.ReceiveAsync(NbdOption.StructuredReply, cancellationToken).ConfigureAwait(false);
        if (answer.IsError)
            return false;
        if (answer.Type != OptionReply.Ack)
            throw Unexpected(NbdOption.StructuredReply, answer);
        return answer.Data.Length == 0 ? true : throw NotEmpty(NbdOption.StructuredReply, answer);
    }

    /// <returns>Name and description of what is exported; null where the server does not list.</returns>
    public async ValueTask<IReadOnlyList<(string Name, string Description)>?> ListAsync(CancellationToken cancellationToken)
    {
        var exports = new List<(string, string)>();
        await _options.SendAsync(NbdOption.List, [], cancellationToken).ConfigureAwait(false);
        while (true)
        {
            var answer = await _options.ReceiveAsync(NbdOption.List, cancellationToken).ConfigureAwait(false);
            if (answer.Type == OptionReply.Ack)
                return exports;
            if (answer.Type == OptionReply.ErrUnsupported)
                return null;
            if (answer.IsError)
                throw OptionErrors.Of(NbdOption.List, answer.Type, answer.Text);
            if (answer.Type != OptionReply.Server)
                throw OptionChannel.Malformed(
                    $"Unexpected reply type {(uint)answer.Type} ({NbdNames.Of(answer.Type)}), expected 2 (server)");
            if (exports.Count == MaxExports)
                throw OptionChannel.Malformed($"The server lists more than {MaxExports} exports");
            exports.Add(ListedExport(answer.Data));
        }
    }

    /// <summary>Information about an export that is not entered; null where the server gives none.</summary>
    public async ValueTask<NbdExportInfo?> InfoAsync(string export, CancellationToken cancellationToken)
    {
        var (info, error) = await AskInfoAsync(NbdOption.Info, export, cancellationToken).ConfigureAwait(false);
        return error is null ? info : null;
    }

    /// <summary>Names of an export's metadata contexts.</summary>
    public async ValueTask<IReadOnlyList<string>> ListContextsAsync(string export, CancellationToken cancellationToken)
    {
        var contexts = new List<string>();
        await _options.SendAsync(
            NbdOption.ListMetaContext, [.. Text(export), .. UInt32(0)], cancellationToken).ConfigureAwait(false);
        while (await NextContextAsync(NbdOption.ListMetaContext, cancellationToken).ConfigureAwait(false) is { } context)
        {
            if (contexts.Count == MaxExports)
                throw OptionChannel.Malformed($"The server lists more than {MaxExports} contexts");
            contexts.Add(context.Name);
        }

        return contexts;
    }

    private async ValueTask<uint?> ChooseContextAsync(string export, string name, CancellationToken cancellationToken)
    {
        uint? id = null;
        await _options.SendAsync(
            NbdOption.SetMetaContext, [.. Text(export), .. UInt32(1), .. Text(name)], cancellationToken).ConfigureAwait(false);
        while (await NextContextAsync(NbdOption.SetMetaContext, cancellationToken).ConfigureAwait(false) is { } context)
        {
            if (context.Name != name)
                throw OptionChannel.Malformed(
                    $"Failed to negotiate meta context '{name}', server answered with different context '{context.Name}'");
            if (id is not null)
                throw OptionChannel.Malformed("Server answered with more than one context");
            id = context.Id;
        }

        return id;
    }

    /// <summary>The next context of the answer; null at its end, which an error is too.</summary>
    private async ValueTask<(uint Id, string Name)?> NextContextAsync(NbdOption option, CancellationToken cancellationToken)
    {
        var answer = await _options.ReceiveAsync(option, cancellationToken).ConfigureAwait(false);
        if (answer.IsError || answer.Type == OptionReply.Ack)
            return null;
        if (answer.Type != OptionReply.MetaContext)
            throw OptionChannel.Malformed(
                $"Unexpected reply type {(uint)answer.Type} ({NbdNames.Of(answer.Type)}), expected 4 (meta context)");
        if (answer.Data.Length <= sizeof(uint))
            throw OptionChannel.Malformed(
                $"Failed to negotiate meta context, server answered with unexpected length {answer.Data.Length}");
        return (BinaryPrimitives.ReadUInt32BigEndian(answer.Data), Encoding.UTF8.GetString(answer.Data.AsSpan(sizeof(uint))));
    }

    /// <returns>Null: the server knows no GO.</returns>
    private async ValueTask<NbdExportInfo?> GoAsync(string export, CancellationToken cancellationToken)
    {
        var (info, error) = await AskInfoAsync(NbdOption.Go, export, cancellationToken).ConfigureAwait(false);
        if (error is { Type: OptionReply.ErrUnsupported })
            return null;
        return error is { } refusal ? throw OptionErrors.Of(NbdOption.Go, refusal.Type, refusal.Text) : info;
    }

    private async ValueTask<(NbdExportInfo Info, OptionAnswer? Error)> AskInfoAsync(
        NbdOption option, string export, CancellationToken cancellationToken)
    {
        var info = new NbdExportInfo();
        await _options.SendAsync(
            option, [.. Text(export), 0, 1, 0, (byte)InfoType.BlockSize], cancellationToken).ConfigureAwait(false);
        while (true)
        {
            var answer = await _options.ReceiveAsync(option, cancellationToken).ConfigureAwait(false);
            if (answer.IsError)
                return (info, answer);
            if (answer.Type == OptionReply.Ack)
            {
                if (answer.Data.Length > 0)
                    throw OptionChannel.Malformed("server sent invalid NBD_REP_ACK");
                if ((info.Flags & TransmissionFlags.HasFlags) == 0)
                    throw OptionChannel.Malformed("broken server omitted NBD_INFO_EXPORT");
                CheckSize(info);
                return (info, null);
            }

            if (answer.Type != OptionReply.Info)
                throw OptionChannel.Malformed(
                    $"unexpected reply type {(uint)answer.Type} ({NbdNames.Of(answer.Type)}), expected 3 (info)");
            info = WithInfo(info, answer.Data);
        }
    }

    private static NbdExportInfo WithInfo(NbdExportInfo info, byte[] data)
    {
        if (data.Length < sizeof(ushort))
            throw OptionChannel.Malformed($"NBD_REP_INFO length {data.Length} is too short");
        var rest = data.AsSpan(sizeof(ushort));
        switch ((InfoType)BinaryPrimitives.ReadUInt16BigEndian(data))
        {
            case InfoType.Export:
                CheckLength(rest, 10);
                return info with
                {
                    Size = BinaryPrimitives.ReadUInt64BigEndian(rest),
                    Flags = (TransmissionFlags)BinaryPrimitives.ReadUInt16BigEndian(rest[8..]),
                };
            case InfoType.BlockSize:
                CheckLength(rest, 12);
                return info with { BlockSizes = BlockSizes(rest) };
            case InfoType.Description:
                return info with { Description = Encoding.UTF8.GetString(rest) };
            default:
                return info;
        }
    }

    private static void CheckLength(ReadOnlySpan<byte> rest, int expected)
    {
        if (rest.Length != expected)
            throw OptionChannel.Malformed($"remaining export info len {rest.Length} is unexpected size");
    }

    private static NbdBlockSizes BlockSizes(ReadOnlySpan<byte> data)
    {
        var sizes = new NbdBlockSizes(
            BinaryPrimitives.ReadUInt32BigEndian(data),
            BinaryPrimitives.ReadUInt32BigEndian(data[4..]),
            BinaryPrimitives.ReadUInt32BigEndian(data[8..]));
        if (!BitOperations.IsPow2(sizes.Minimum))
            throw OptionChannel.Malformed($"server minimum block size {sizes.Minimum} is not a power of two");
        if (!BitOperations.IsPow2(sizes.Preferred) || sizes.Preferred < sizes.Minimum)
            throw OptionChannel.Malformed($"server preferred block size {sizes.Preferred} is not valid");
        if (sizes.Maximum < sizes.Minimum)
            throw OptionChannel.Malformed($"server maximum block size {sizes.Maximum} is not valid");
        return sizes with { Maximum = sizes.Maximum & ~(sizes.Minimum - 1) };
    }

    private static void CheckSize(NbdExportInfo info)
    {
        if (info.BlockSizes is { } sizes && (info.Size & (sizes.Minimum - 1)) != 0)
            throw OptionChannel.Malformed($"export size {info.Size} is not multiple of minimum block size {sizes.Minimum}");
    }

    /// <summary>EXPORT_NAME ends the connection where the name is unknown: a list that lacks it makes a better message.</summary>
    private async ValueTask CheckListedAsync(string export, CancellationToken cancellationToken)
    {
        if (await ListAsync(cancellationToken).ConfigureAwait(false) is { } exports
            && !exports.Any(listed => listed.Name == export))
            throw new BlockException(BlockErrorKind.NotFound, $"No export with name '{export}' available");
    }

    private static (string Name, string Description) ListedExport(byte[] data)
    {
        var length = data.Length < sizeof(uint) ? uint.MaxValue : BinaryPrimitives.ReadUInt32BigEndian(data);
        if (length > data.Length - sizeof(uint))
            throw OptionChannel.Malformed("incorrect option name length");
        var rest = data.AsSpan(sizeof(uint));
        return (Encoding.UTF8.GetString(rest[..(int)length]), Encoding.UTF8.GetString(rest[(int)length..]));
    }

    private static byte[] Text(string text)
    {
        var utf8 = Encoding.UTF8.GetBytes(text);
        return [.. UInt32((uint)utf8.Length), .. utf8];
    }

    private static byte[] UInt32(uint value)
    {
        var bytes = new byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }
}
