// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;
using BlockHost.Devices;
using BlockHost.Plugins.Commands.Migration.Channels;
using BlockHost.Plugins.Commands.Migration.Format;
using BlockHost.Plugins.Commands.Migration.Streams;
using BlockHost.Plugins.Commands.Migration.Types;
using BlockHost.Qmp;
using Microsoft.Extensions.Logging;

namespace BlockHost.Plugins.Commands.Migration;

/// <summary>
/// A machine comes from another host. Nothing takes effect before its state is here whole; then the images are taken, and only
/// when that has gone well too does the machine start, and is the other side told.
/// <code>
///   waits ─► active ─► all read, checked ─► devices loaded ─► images taken ─► starts ─► told: 0 ─► completed
///                 └─────────┴───────────────────┴──────────────────┴──► told: 1 ─► failed, and may be tried again
/// </code>
/// </summary>
internal sealed class Incoming : IDisposable
{
    private readonly IPluginHost _host;
    private readonly MigrationSettings _settings;
    private readonly MigrationEvents _events;
    private readonly CancellationTokenSource _ending = new();
    private readonly IncomingSource _source;
    private MigrationChannel? _channel;
    private bool _answers;

    public Incoming(IPluginHost host, MigrationSettings settings, MigrationEvents events, IncomingSource source)
    {
        (_host, _settings, _events, _source) = (host, settings, events, source);
        if (source.Address is { } address)
            Addresses = [address];
    }

    public MigrationStatus? Status { get; private set; }

    public string? Error { get; private set; }

    public bool IsUnderWay => Status is not (MigrationStatus.Completed or MigrationStatus.Failed);

    public IReadOnlyList<Net.SocketAddress>? Addresses { get; }

    /// <summary>Completes when it has ended, in whatever way.</summary>
    public Task Ended { get; private set; } = Task.CompletedTask;

    public MigrationInfo Info => new()
    {
        Status = Status,
        ErrorDesc = Status == MigrationStatus.Failed ? Error : null,
        SocketAddress = Addresses,
    };

    public void Start()
    {
        var yank = _host.Yank.Register(MigrationYank.Instance, Yank);
        _events.Tell(MigrationStatus.Setup);
        Ended = Task.Run(() => RunAsync(yank));
    }

    /// <summary>Any thread, no lock that I/O can hold.</summary>
    public void Yank()
    {
        Volatile.Read(ref _channel)?.ShutDown();
        _ = _ending.CancelAsync();
    }

    public void Dispose()
    {
        _source.Dispose();
        _ending.Dispose();
    }

    private void Enter(MigrationStatus status)
    {
        Status = status;
        _events.Tell(status);
    }

    private async Task RunAsync(IDisposable yank)
    {
        try
        {
            var security = new ChannelSecurity(_host.Objects, _settings.Parameters);
            var opened = await _source.OpenAsync(_ending.Token).ConfigureAwait(false);
            var channel = await security.AsServerAsync(opened, _ending.Token).ConfigureAwait(false);
            Volatile.Write(ref _channel, channel);
            await using var closed = channel.ConfigureAwait(false);
            try
            {
                Enter(MigrationStatus.Active);
                await TakeAsync(channel, _ending.Token).ConfigureAwait(false);
                await AnswerAsync(channel, 0).ConfigureAwait(false);
                Enter(MigrationStatus.Completed);
            }
            catch
            {
                await AnswerAsync(channel, 1).ConfigureAwait(false);
                throw;
            }
        }
        catch (Exception e)
        {
            Error = e is OperationCanceledException ? "The migration was given up" : e.Message;
            _host.Loggers.CreateLogger("").LogError("load of migration failed: {Error}", Error);
            Enter(MigrationStatus.Failed);
        }
        finally
        {
            _source.Dispose();
            yank.Dispose();
        }
    }

    private async ValueTask TakeAsync(MigrationChannel channel, CancellationToken cancellationToken)
    {
        using var bitmaps = new IncomingBitmaps(_host.Graph, new BitmapNames(_settings.Parameters.BlockBitmapMapping));
        var devices = _host.Machine.Devices;
        var reader = new StateReader(new StreamInput(channel.Stream), devices, bitmaps)
        {
            ReturnPathWanted = _ =>
            {
                _answers = channel.IsTwoWay;
                return ValueTask.CompletedTask;
            },
            Pinged = (number, token) => SendAsync(channel, StreamLayout.ReplyPong, number, token),
        };
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        foreach (var (id, device) in devices)
        {
            if (reader.States.TryGetValue(id, out var state))
                device.LoadState(state.Version, state.State);
        }

        await GoOnAsync(reader.RunState, bitmaps).ConfigureAwait(false);
    }

    /// <summary>From here on nothing is waited for that another host could keep from coming.</summary>
    private async ValueTask GoOnAsync(string? runState, IncomingBitmaps bitmaps)
    {
        var machine = _host.Machine;
        var wasRunning = runState is null || runState == MigrationService.Name(RunState.Running);
        var starts = wasRunning && machine.StartsWhenLoaded;
        bitmaps.Keep();
        try
        {
            if (starts || !_settings.Has(MigrationCapability.LateBlockActivate))
                await _host.Graph.TakeOverAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch
        {
            bitmaps.TakeBack();
            throw;
        }

        var state = starts ? RunState.Running
            : runState == MigrationService.Name(RunState.Prelaunch) ? RunState.Prelaunch
            : RunState.Paused;
        await machine.EnterAsync(state, CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>Who does not hear it finds the connection closed, and asks the images' locks.</summary>
    private async ValueTask AnswerAsync(MigrationChannel channel, uint answer)
    {
        if (!_answers)
            return;
        try
        {
            await SendAsync(channel, StreamLayout.ReplyShut, answer, _ending.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The machine is where it is.
        }
    }

    private static async ValueTask SendAsync(
        MigrationChannel channel, ushort kind, uint value, CancellationToken cancellationToken)
    {
        if (!channel.IsTwoWay)
            return;
        var message = new byte[8];
        BinaryPrimitives.WriteUInt16BigEndian(message, kind);
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), sizeof(uint));
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(4), value);
        await channel.Stream.WriteAsync(message, cancellationToken).ConfigureAwait(false);
    }
}
