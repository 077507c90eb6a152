// SPDX-License-Identifier: MIT
using System.Net.Sockets;
using BlockHost.Plugins.Block.Iscsi.Protocol;
using BlockHost.Plugins.Block.Iscsi.Session;
using BlockHost.Remote;

namespace BlockHost.Plugins.Block.Iscsi.Negotiation;

/// <summary>The target wants to be asked at another place.</summary>
internal sealed class TargetMoved(string address) : IOException("The target has moved")
{
    /// <summary>HOST[:PORT][,PORTAL-GROUP].</summary>
    public string Address => address;
}

/// <summary>
/// Logs in: who is it, and how do we talk (RFC 7143, section 6.3).
/// <code>
///   security: names, AuthMethod ─► CHAP_A ─► CHAP_N, CHAP_R ─► operational: digests, sizes ─► full feature
///                     └───────────── None ────────────────────────┘
/// </code>
/// </summary>
internal sealed class LoginExchange(Socket socket, SessionSettings settings)
{
    private readonly LoginChannel _channel = new(socket, settings);
    private readonly Agreement _agreement = new();

    /// <exception cref="RemoteFault">The target refuses.</exception>
    /// <exception cref="TargetMoved">It is elsewhere.</exception>
    public async ValueTask<LoggedIn> RunAsync(CancellationToken cancellationToken)
    {
        await AuthenticateAsync(cancellationToken).ConfigureAwait(false);
        await NegotiateAsync(cancellationToken).ConfigureAwait(false);
        return new LoggedIn(socket, _agreement, _channel.StatSn, _channel.CommandSn, _channel.MaxCommandSn);
    }

    private async ValueTask AuthenticateAsync(CancellationToken cancellationToken)
    {
        // Who wants the target to prove itself takes no login without; who only has a password gives it where it is wanted.
        var methods = settings switch
        {
            { Login: null } => "None",
            { TargetLogin: null } => "CHAP,None",
            _ => "CHAP",
        };
        var names = new KeyText()
            .Add("InitiatorName", settings.InitiatorName)
            .Add("TargetName", settings.Target)
            .Add("SessionType", "Normal")
            .Add("AuthMethod", methods);
        LoginStage? next = settings.Login is null ? LoginStage.Operational : null;
        var reply = await AskAsync(LoginStage.Security, next, names, cancellationToken).ConfigureAwait(false);
        var method = reply.Text["AuthMethod"] ?? "None";
        if (!methods.Split(',').Contains(method))
            throw new RemoteFault($"Failed to log in to target. It wants to authenticate in a way that was not offered");
        if (method == "CHAP")
            reply = await ProveAsync(new Chap(settings.Login!, settings.TargetLogin, settings.ChapHash), cancellationToken)
                .ConfigureAwait(false);
        while (reply.Next is null)
            reply = await AskAsync(LoginStage.Security, LoginStage.Operational, new KeyText(), cancellationToken)
                .ConfigureAwait(false);
    }

    private async ValueTask<LoginReply> ProveAsync(Chap chap, CancellationToken cancellationToken)
    {
        var challenge = await AskAsync(LoginStage.Security, null, Chap.Begin(settings.ChapHash), cancellationToken)
            .ConfigureAwait(false);
        var reply = await AskAsync(LoginStage.Security, LoginStage.Operational, chap.Answer(challenge.Text), cancellationToken)
            .ConfigureAwait(false);
        chap.CheckTarget(reply.Text);
        return reply;
    }

    private async ValueTask NegotiateAsync(CancellationToken cancellationToken)
    {
        var offer = Agreement.Offer(settings);
        for (var text = offer; ;)
        {
            var reply = await AskAsync(LoginStage.Operational, LoginStage.FullFeature, text, cancellationToken)
                .ConfigureAwait(false);
            text = _agreement.Take(reply.Text, offer);
            if (reply.Next is not null)
                return;
        }
    }

    private async ValueTask<LoginReply> AskAsync(
        LoginStage stage, LoginStage? next, KeyText text, CancellationToken cancellationToken)
    {
        var reply = await _channel.AskAsync(stage, next, text, cancellationToken).ConfigureAwait(false);
        var hasMoved = reply.Status is LoginStatus.MovedTemporarily or LoginStatus.MovedPermanently;
        if (hasMoved && reply.Text["TargetAddress"] is { } address)
            throw new TargetMoved(address);
        if (reply.Status != LoginStatus.Success)
            throw LoginStatus.Fault(reply.Status);
        _agreement.Declare(reply.Text);
        return reply;
    }
}

/// <summary>A connection in full feature phase, and where its numbers stand.</summary>
/// <param name="StatSn">Of the target's next status.</param>
/// <param name="CommandSn">Of the next command.</param>
/// <param name="MaxCommandSn">The last that the target takes.</param>
internal sealed record LoggedIn(Socket Socket, Agreement Agreement, uint StatSn, uint CommandSn, uint MaxCommandSn);
