// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;
using BlockHost.Plugins.Block.Archipelago.Segments;
using BlockHost.Posix;
using BlockHost.Remote;

namespace BlockHost.Plugins.Block.Archipelago.Client;

/// <summary>One volume, through peers that may never answer: each request has its time, and a yank ends them all.</summary>
internal sealed class ArchipelagoClient : IAsyncDisposable
{
    private const int SectorSize = 512;
    private const int InfoSize = sizeof(ulong);

    /// <summary>A peer that is told of the end is not waited for any longer.</summary>
    private static readonly TimeSpan ClosingTime = TimeSpan.FromSeconds(2);

    private readonly VolumeSettings _settings;
    private readonly Lifeline _lifeline;
    private readonly TimeProvider _clock;
    private readonly PortThread _thread;

    private ArchipelagoClient(VolumeSettings settings, Lifeline lifeline, TimeProvider clock, PortThread thread) =>
        (_settings, _lifeline, _clock, _thread) = (settings, lifeline, clock, thread);

    /// <exception cref="BlockException">There is no such segment, or no room in it.</exception>
    internal static async ValueTask<ArchipelagoClient> JoinAsync(
        VolumeSettings settings, Lifeline lifeline, TimeProvider clock, CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(lifeline.Token, cancellationToken);
        try
        {
            // A lock of the segment may be held by somebody.
            return await Task.Run(() => Join(settings, lifeline, clock, either.Token), either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (lifeline.Token.IsCancellationRequested)
        {
            throw lifeline.Error("The node is not opened");
        }
    }

    internal async ValueTask<long> GetLengthAsync(CancellationToken cancellationToken)
    {
        var reply = new byte[InfoSize];
        await RunAsync(
            new(_settings.Mapper, VolumeOperation.Info, 0, InfoSize) { Target = reply }, _settings.Timeout, cancellationToken)
            .ConfigureAwait(false);
        var length = BinaryPrimitives.ReadUInt64LittleEndian(reply);
        return length % SectorSize == 0 && length <= long.MaxValue / 2
            ? (long)length
            : throw new BlockException(BlockErrorKind.Io, $"The volume has an impossible size of {length} bytes");
    }

    internal ValueTask ReadAsync(long offset, IoSlice target, CancellationToken cancellationToken) => RunAsync(
        new(_settings.Composer, VolumeOperation.Read, offset, (int)target.Length) { Target = target },
        _settings.Timeout, cancellationToken);

    internal ValueTask WriteAsync(long offset, IoSlice source, CancellationToken cancellationToken) => RunAsync(
        new(_settings.Composer, VolumeOperation.Write, offset, (int)source.Length) { Source = source },
        _settings.Timeout, cancellationToken);

    internal ValueTask FlushAsync(CancellationToken cancellationToken) =>
        RunAsync(new(_settings.Composer, VolumeOperation.Flush, 0, 0), _settings.Timeout, cancellationToken);

    /// <summary>Lets the composer forget the volume. Whether it answers does not matter.</summary>
    internal async ValueTask CloseVolumeAsync()
    {
        try
        {
            await RunAsync(new(_settings.Composer, VolumeOperation.Close, 0, 0), ClosingTime, default).ConfigureAwait(false);
        }
        catch (BlockException)
        {
            // It is closed here.
        }
    }

    public ValueTask DisposeAsync() => _thread.DisposeAsync();

    private static ArchipelagoClient Join(
        VolumeSettings settings, Lifeline lifeline, TimeProvider clock, CancellationToken cancellationToken)
    {
        SharedSegment? segment = null;
        PeerSignals? signals = null;
        OwnPort? port = null;
        try
        {
            segment = SharedSegment.Open(Path.Combine(settings.Folder, settings.Segment));
            signals = PeerSignals.Create(segment, settings.Folder);
            port = OwnPort.Take(segment, signals, clock, cancellationToken);
            return new(settings, lifeline, clock, new PortThread(segment, signals, port, settings.Volume, lifeline.Token));
        }
        catch (Exception e) when (e is BlockException or OperationCanceledException)
        {
            port?.Dispose();
            signals?.Dispose();
            segment?.Dispose();
            if (e is not BlockException reason)
                throw;
            throw new BlockException(
                reason.Kind,
                $"Cannot join XSEG shared memory segment '{settings.Segment}': {reason.Message}",
                reason.Errno,
                reason);
        }
    }

    private async ValueTask RunAsync(Exchange exchange, TimeSpan time, CancellationToken cancellationToken)
    {
        if (_lifeline.Token.IsCancellationRequested)
            throw _lifeline.Error("The request failed");
        cancellationToken.ThrowIfCancellationRequested();
        _thread.Enqueue(exchange);
        try
        {
            await exchange.Task.WaitAsync(time, _clock, _lifeline.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            exchange.GiveUp();
            throw _lifeline.Token.IsCancellationRequested
                ? _lifeline.Error("The request failed")
                : new BlockException(
                    BlockErrorKind.Io,
                    $"The peer at port {exchange.Port} has not answered for {time.TotalSeconds} seconds",
                    Errno.ETIMEDOUT);
        }
    }
}
