// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Devices;
using BlockHost.Plugins.Commands.Migration.Channels;
using BlockHost.Plugins.Commands.Migration.Types;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Migration;

/// <summary>The one migration there is, out or in, and what is set for it.</summary>
internal sealed class MigrationService
{
    private readonly Lock _lock = new();
    private IPluginHost? _host;
    private Outgoing? _outgoing;
    private Incoming? _incoming;

    public MigrationService() => Events = new MigrationEvents(Settings, () => Host.Events);

    public MigrationSettings Settings { get; } = new();

    public MigrationEvents Events { get; }

    private IPluginHost Host => _host ?? throw new QmpException("The migration plugin is stopping");

    private bool IsUnderWay => _outgoing is { Ended.IsCompleted: false } || _incoming is { Ended.IsCompleted: false };

    /// <summary>As QMP names it.</summary>
    public static string Name(MigrationStatus status) =>
        JsonSerializer.SerializeToElement(status, MigrationJson.Default.MigrationStatus).GetString()!;

    /// <summary>As QMP names it.</summary>
    public static string Name(RunState state) =>
        JsonSerializer.SerializeToElement(state, MigrationJson.Default.RunState).GetString()!;

    public void Start(IPluginHost host) => _host = host;

    public async ValueTask StopAsync()
    {
        _outgoing?.Yank();
        _incoming?.Yank();
        await (_outgoing?.Ended ?? Task.CompletedTask).ConfigureAwait(false);
        await (_incoming?.Ended ?? Task.CompletedTask).ConfigureAwait(false);
        _outgoing?.Dispose();
        _incoming?.Dispose();
        (_outgoing, _incoming, _host) = (null, null, null);
    }

    /// <summary>
    /// A migration that says it has ended may be about to close its channel and to let the machine go on; the next one, which a
    /// client may ask for at once, comes after that.
    /// </summary>
    public async Task SettleAsync()
    {
        if (_outgoing is { IsUnderWay: false } gone)
            await gone.Ended.ConfigureAwait(false);
        if (_incoming is { IsUnderWay: false } come)
            await come.Ended.ConfigureAwait(false);
    }

    /// <summary>migrate: what goes wrong later is query-migrate's to tell.</summary>
    public void Migrate(MigrateArguments arguments)
    {
        lock (_lock)
        {
            CheckMayGo(arguments);
            _outgoing?.Dispose();
            _outgoing = new Outgoing(Host, Settings, Events);
            if (!MigrationUri.IsKnown(arguments.Uri))
            {
                _outgoing.Fail(reason: null);
                throw new QmpException("Parameter 'uri' expects a valid migration protocol");
            }

            try
            {
                var uri = MigrationUri.Parse(arguments.Uri);
                _outgoing.Start(ChannelOpening.Outgoing(uri, Host.Descriptors), uri.HostName);
            }
            catch (Exception e) when (e is QmpException or BlockException)
            {
                _outgoing.Fail(e.Message);
                throw;
            }
        }
    }

    /// <summary>migrate-incoming, once, but for one that has failed.</summary>
    public void Await(string uri)
    {
        lock (_lock)
        {
            if (_incoming is not null && (!_incoming.Ended.IsCompleted || _incoming.Status == MigrationStatus.Completed))
                throw new QmpException("The incoming migration has already been started");
            if (Host.Machine.State != RunState.InMigrate)
                throw new QmpException("'-incoming' was not specified on the command line");
            if (!MigrationUri.IsKnown(uri))
                throw new QmpException($"unknown migration protocol: {uri}");
            var source = ChannelOpening.Incoming(MigrationUri.Parse(uri), Host.Descriptors);
            _incoming?.Dispose();
            _incoming = new Incoming(Host, Settings, Events, source);
            _incoming.Start();
        }
    }

    public void Cancel() => _outgoing?.Cancel();

    public void Continue(MigrationStatus expected)
    {
        if (_outgoing is null)
            throw new QmpException("Migration not in expected state: none");
        _outgoing.Continue(expected);
    }

    public void SetCapabilities(IReadOnlyList<MigrationCapabilityStatus> wanted)
    {
        if (IsUnderWay)
            throw new QmpException("There's a migration process in progress");
        Settings.Set(wanted);
    }

    public MigrationInfo Query() => _outgoing?.Info ?? _incoming?.Info ?? new MigrationInfo();

    private void CheckMayGo(MigrateArguments arguments)
    {
        if (arguments.Resume == true)
            throw new QmpException("Cannot resume if there is no paused migration");
        if (_outgoing is { Ended.IsCompleted: false })
            throw new QmpException("There's a migration process in progress");
        switch (Host.Machine.State)
        {
            case RunState.InMigrate:
                throw new QmpException("Guest is waiting for an incoming migration");
            case RunState.PostMigrate:
                throw new QmpException("Can't migrate the vm that was paused due to previous migration");
        }

        if (arguments.Blk == true || arguments.Inc == true)
            throw new QmpException("QEMU compiled without old-style (blk/-b, inc/-i) block migration");
    }
}
