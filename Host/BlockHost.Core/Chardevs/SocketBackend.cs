// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Chardevs;
using BlockHost.Net;
using BlockHost.Qmp;

namespace BlockHost.Core.Chardevs;

/// <summary>"socket", which is the host's: without it nobody could ask for anything else.</summary>
internal sealed class SocketBackend(TimeProvider clock) : ChardevBackend<SocketData>
{
    public override string BackendName => "socket";

    protected override JsonTypeInfo<SocketData> TypedOptionsType => ChardevJson.Default.SocketData;

    protected override async ValueTask<Chardev> OpenAsync(
        IChardevContext context, SocketData data, CancellationToken cancellationToken)
    {
        var options = data.ToOptions(context.Id);
        options = options with { Address = context.Host.Descriptors.Resolve(options.Address) };
        var device = new SocketChardev(options, context.Host.Objects, clock);
        try
        {
            device.EndsWith(context.OnYank(device.Yank));
            await device.StartAsync(cancellationToken).ConfigureAwait(false);
            return device;
        }
        catch
        {
            await device.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }
}

/// <summary>"stdio", which is the host's, too.</summary>
internal sealed class StdioBackend : ChardevBackend<StdioData>
{
    public override string BackendName => "stdio";

    public override string QomParent => "chardev-fd";

    protected override JsonTypeInfo<StdioData> TypedOptionsType => ChardevJson.Default.StdioData;

    protected override ValueTask<Chardev> OpenAsync(
        IChardevContext context, StdioData data, CancellationToken cancellationToken) =>
        new(new StdioChardev(context.Id));
}

/// <summary>QAPI struct ChardevStdio.</summary>
internal sealed record StdioData : ChardevCommon
{
    /// <summary>Whether Ctrl-C ends the daemon, which is the terminal's to say here.</summary>
    public bool? Signal { get; init; }
}

/// <summary>QAPI struct ChardevSocket.</summary>
internal sealed record SocketData : ChardevCommon
{
    public required SocketAddressLegacy Addr { get; init; }

    public string? TlsCreds { get; init; }

    public string? TlsAuthz { get; init; }

    public bool? Server { get; init; }

    public bool? Wait { get; init; }

    public bool? Nodelay { get; init; }

    public bool? Telnet { get; init; }

    [JsonPropertyName("tn3270")]
    public bool? Tn3270 { get; init; }

    public bool? Websocket { get; init; }

    public long? Reconnect { get; init; }

    /// <exception cref="QmpException">With QEMU's text.</exception>
    public SocketChardevOptions ToOptions(string id)
    {
        var server = Server ?? true;
        if (server && Reconnect is > 0)
            throw new QmpException("'reconnect' option is incompatible with socket in server listen mode");
        if (!server && Wait is not null)
            throw new QmpException("'wait' option is incompatible with socket in client connect mode");
        if (Telnet is true || Tn3270 is true || Websocket is true)
            throw new QmpException("telnet, tn3270 and websocket are not spoken here: a plain socket is");
        return new SocketChardevOptions(id, Addr.Address)
        {
            Server = server,
            Wait = server && (Wait ?? false),
            ReconnectSeconds = (int)Math.Clamp(Reconnect ?? 0, 0, int.MaxValue / 1000),
            TlsCredentials = TlsCreds,
            TlsAuthorization = TlsAuthz,
        };
    }
}
