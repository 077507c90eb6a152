// SPDX-License-Identifier: MIT
using BlockHost.Objects;
using BlockHost.Plugins.Export.Nbd.Server;
using BlockHost.Qmp;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace BlockHost.Plugins.Export.Nbd;

/// <summary>The one server of the daemon, between its start and stop.</summary>
internal sealed class NbdServerControl
{
    /// <summary>QEMU's default of max-connections.</summary>
    private const uint DefaultMaxConnections = 100;

    private readonly SemaphoreSlim _changing = new(1);
    private volatile NbdServer? _server;

    public ILogger Log { get; set; } = NullLogger.Instance;

    /// <exception cref="QmpException">None is running.</exception>
    public NbdServer Running => _server ?? throw new QmpException("NBD server not running");

    public async Task StartAsync(NbdServerOptions options, IPluginHost host, CancellationToken cancellationToken)
    {
        await _changing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_server is not null)
                throw new QmpException("NBD server already running");
            var tls = TlsFor(options, host);
            var maxConnections = (int)Math.Min(options.MaxConnections ?? DefaultMaxConnections, int.MaxValue);
            var listeners = ListenerFactory.Open(Addresses(options).Select(host.Descriptors.Resolve));
            _server = new NbdServer(listeners, maxConnections, tls, host.Clock, host.Memory, host.Started) { Log = Log };
        }
        finally
        {
            _changing.Release();
        }
    }

    /// <summary>Ends all exports and then the server.</summary>
    public async Task StopAsync(IPluginHost host, CancellationToken cancellationToken)
    {
        _ = Running;
        await host.Exports.RemoveAllAsync(NbdExportType.TypeName, cancellationToken).ConfigureAwait(false);
        await CloseAsync().ConfigureAwait(false);
    }

    public async ValueTask CloseAsync()
    {
        await _changing.WaitAsync().ConfigureAwait(false);
        try
        {
            var server = _server;
            _server = null;
            if (server is not null)
                await server.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            _changing.Release();
        }
    }

    private static IEnumerable<BlockHost.Net.SocketAddress> Addresses(NbdServerOptions options) =>
        (options.Also ?? []).Prepend(options.Address).Select(address => address.Address);

    private TlsUpgrade? TlsFor(NbdServerOptions options, IPluginHost host)
    {
        if (options.TlsCredentials is not { } id)
            return null;
        return new TlsUpgrade(
            host.Objects.RequireTls(id, isServer: true),
            name => host.Objects.IsAllowed(options.TlsAuthorization, name),
            host.Clock)
        { Log = Log };
    }
}
