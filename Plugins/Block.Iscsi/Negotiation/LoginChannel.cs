// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Net.Sockets;
using BlockHost.Plugins.Block.Iscsi.Protocol;
using BlockHost.Plugins.Block.Iscsi.Session;
using BlockHost.Remote;

namespace BlockHost.Plugins.Block.Iscsi.Negotiation;

/// <summary>Stages of a login (RFC 7143, section 11.12.3).</summary>
internal enum LoginStage
{
    Security = 0,
    Operational = 1,
    FullFeature = 3,
}

/// <summary>What a target answers to a login request.</summary>
/// <param name="Next">The stage that begins now; null: this one goes on.</param>
internal sealed record LoginReply(int Status, LoginStage? Next, KeyText Text);

/// <summary>
/// Login requests and their responses, one at a time (RFC 7143, sections 11.12 and 11.13).
/// <code>
///    0 opcode │ 1 T C · · CSG NSG │ 2 version max │ 3 version min; active │ 5 text length
///    8 ISID │ 14 TSIH │ 16 tag │ 20 CID
///   24 CmdSN; StatSN │ 28 ExpStatSN; ExpCmdSN │ 32 ; MaxCmdSN │ 36 ; status class │ 37 ; detail
/// </code>
/// </summary>
internal sealed class LoginChannel(Socket socket, SessionSettings settings)
{
    private const int MostRequests = 32;
    private const int LongestText = 16 << 10;
    private const uint LoginTag = 1;
    private const int StageShift = 2;
    private const int StageMask = 3;

    private readonly NetworkStream _stream = new(socket, ownsSocket: false);
    private readonly byte[] _header = new byte[Header.Length];
    private int _requests;

    /// <summary>Of the next response.</summary>
    public uint StatSn { get; private set; }

    public uint CommandSn { get; private set; } = 1;

    public uint MaxCommandSn { get; private set; }

    /// <param name="next">The stage to go on to, where the target agrees; null: stay.</param>
    /// <exception cref="RemoteFault">The target is not understood, or comes to no end.</exception>
    public async ValueTask<LoginReply> AskAsync(
        LoginStage stage, LoginStage? next, KeyText text, CancellationToken cancellationToken)
    {
        using var answer = new MemoryStream();
        for (var data = text.ToBytes(); ; data = [])
        {
            // While the target goes on with its text, it is asked for more by nothing.
            await SendAsync(stage, data.Length > 0 || answer.Length == 0 ? next : null, data, cancellationToken)
                .ConfigureAwait(false);
            var (flags, status) = await ReceiveAsync(stage, answer, cancellationToken).ConfigureAwait(false);
            if ((flags & PduFlags.Continue) == 0 || status != LoginStatus.Success)
                return Reply(stage, next, flags, status, KeyText.Parse(answer.GetBuffer().AsSpan(0, (int)answer.Length)));
            if ((flags & PduFlags.Transit) != 0)
                throw Malformed("a stage that ends in the middle of a text");
        }
    }

    private static LoginReply Reply(LoginStage stage, LoginStage? next, byte flags, int status, KeyText text)
    {
        if (status != LoginStatus.Success || (flags & PduFlags.Transit) == 0)
            return new LoginReply(status, null, text);
        var its = (LoginStage)(flags & StageMask);
        return its == next
            ? new LoginReply(status, next, text)
            : throw Malformed($"stage {its} after {stage}, which nobody asked for");
    }

    private async ValueTask SendAsync(LoginStage stage, LoginStage? next, byte[] data, CancellationToken cancellationToken)
    {
        if (_requests++ == MostRequests)
            throw new RemoteFault("Failed to log in to target. It comes to no end");
        var request = new byte[Header.Length + data.Length + Padding.Of(data.Length)];
        WriteHeader(request, stage, next, data.Length);
        data.CopyTo(request, Header.Length);
        await _stream.WriteAsync(request, cancellationToken).ConfigureAwait(false);
    }

    private void WriteHeader(Span<byte> request, LoginStage stage, LoginStage? next, int length)
    {
        var flags = (int)stage << StageShift;
        if (next is { } following)
            flags |= PduFlags.Transit | (int)following;
        var header = Header.Start(request, Opcode.Login, (byte)flags, isImmediate: true);
        header.DataLength = length;
        settings.SessionId.CopyTo(header.Bytes[8..]);
        header.Tag = LoginTag;
        header[24] = CommandSn;
        header[28] = StatSn;
    }

    private async ValueTask<(byte Flags, int Status)> ReceiveAsync(
        LoginStage stage, MemoryStream text, CancellationToken cancellationToken)
    {
        await FillAsync(_header, cancellationToken).ConfigureAwait(false);
        var (flags, status, ahs, length) = Take(stage);
        if (text.Length + length > LongestText)
            throw Malformed($"more than {LongestText} bytes of text");
        var data = new byte[ahs + length + Padding.Of(length)];
        await FillAsync(data, cancellationToken).ConfigureAwait(false);
        text.Write(data, ahs, length);
        return (flags, status);
    }

    private (byte Flags, int Status, int Ahs, int Length) Take(LoginStage stage)
    {
        var header = new Header(_header);
        if (header.Opcode != Opcode.LoginResponse)
            throw Malformed($"a PDU 0x{(byte)header.Opcode:x2} where the answer to the login was due");
        var status = BinaryPrimitives.ReadUInt16BigEndian(_header.AsSpan(36));
        if (header.Tag != LoginTag)
            throw Malformed("the answer to another login");
        // Of a refusal, only the status says something.
        if (status != LoginStatus.Success)
            return (header.Flags, status, header.AhsLength, header.DataLength);
        if ((LoginStage)((header.Flags >> StageShift) & StageMask) != stage)
            throw Malformed("the answer of another stage");
        if (_requests > 1 && header[24] != StatSn)
            throw Malformed($"StatSN {header[24]} where {StatSn} was due");
        StatSn = header[24] + 1;
        CommandSn = header[28] != 0 ? header[28] : CommandSn;
        MaxCommandSn = header[32];
        return (header.Flags, status, header.AhsLength, header.DataLength);
    }

    private async ValueTask FillAsync(Memory<byte> target, CancellationToken cancellationToken)
    {
        while (!target.IsEmpty)
        {
            var read = await _stream.ReadAsync(target, cancellationToken).ConfigureAwait(false);
            if (read == 0)
                throw new RemoteFault("Failed to log in to target. It closed the connection", mayPass: true);
            target = target[read..];
        }
    }

    private static RemoteFault Malformed(string what) => new($"Failed to log in to target. It sends {what}");
}
