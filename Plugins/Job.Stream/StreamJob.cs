// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Jobs;

namespace BlockHost.Plugins.Job.Stream;

internal sealed class StreamJobType : JobType
{
    public override string Name => "stream";
}

/// <summary>
/// Reads the chain from end to end through a copy-on-read filter, which keeps copies and writes of guests apart. Then the
/// image no longer needs what was copied:
/// <code>
///   guests ─► filter ─► top ─► intermediate ─► base      becomes      guests ─► top ─► base
/// </code>
/// </summary>
internal sealed class StreamJob(StreamSettings settings, StreamNodes nodes, IPluginHost host) : BackgroundJob
{
    private const int Chunk = 512 << 10;

    private IJobContext? _context;
    private int _error;

    public override async Task RunAsync(IJobContext context, CancellationToken cancellationToken)
    {
        _context = context;
        if (settings.Chain.Intermediate.Count == 0)
            return;
        var length = nodes.Reader.Length;
        context.SetRemaining(length);
        using var buffer = host.Buffers.Rent(Chunk);
        var (reader, top) = (nodes.Reader.OpenQueue(), nodes.Top.OpenQueue());
        await using var closingReader = reader.ConfigureAwait(false);
        await using var closingTop = top.ConfigureAwait(false);
        for (var offset = 0L; offset < length;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var (bytes, copied) = await CopyNextAsync(context, top, reader, buffer.Memory, offset, length).ConfigureAwait(false);
            context.AddProgress(bytes);
            offset += bytes;
            await context.ThrottleAsync(copied ? bytes : 0).ConfigureAwait(false);
        }

        if (_error != 0)
            throw new JobException(_error);
    }

    /// <summary>The image lets go of what it has taken in.</summary>
    public override async ValueTask PrepareAsync(CancellationToken cancellationToken)
    {
        try
        {
            await RemoveFilterAsync().ConfigureAwait(false);
            if (settings.Chain.Top.Backing is null)
                return;
            if (settings.Chain.Top.TryGetFacet<IBackingFileStore>(out var store))
                await store.SetBackingAsync(NewBacking(), cancellationToken).ConfigureAwait(false);
            await host.Graph.SetBackingAsync(settings.Chain.Top, settings.Chain.Base, cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException e)
        {
            throw new JobException(e.Errno, e.Message, e);
        }
    }

    public override async ValueTask CleanAsync()
    {
        await RemoveFilterAsync().ConfigureAwait(false);
        if (settings.WasReadOnly)
            await host.Graph.SetReadOnlyAsync(settings.Chain.Top, readOnly: true, CancellationToken.None).ConfigureAwait(false);
    }

    /// <returns>Bytes dealt with: none where the same is to be tried again.</returns>
    private async ValueTask<(long Bytes, bool Copied)> CopyNextAsync(
        IJobContext context, IBlockQueue top, IBlockQueue reader, Memory<byte> buffer, long offset, long length)
    {
        var wanted = Math.Min(Chunk, length - offset);
        var run = await top.GetStatusAsync(offset, wanted, StatusPrecision.AllocationOnly).ConfigureAwait(false);
        var bytes = run.Status.IsOk ? Math.Min(run.Bytes, wanted) : wanted;
        var status = run.Status;
        var copy = status.IsOk && run.Depth > 0 && run.Depth < settings.Chain.Depths;
        if (copy)
            status = await reader.ReadAsync(offset, buffer[..(int)bytes], ReadFlags.Prefetch).ConfigureAwait(false);
        if (status.IsOk)
            return (bytes, copy);

        var action = context.HandleError(settings.OnError, isRead: true, status.Errno);
        if (action == JobErrorAction.Stop)
            return (0, false);
        _error = _error == 0 ? status.Errno : _error;
        return action == JobErrorAction.Report ? throw new JobException(_error) : (bytes, true);
    }

    private BackingFileReference? NewBacking()
    {
        if (settings.Chain.Base is not { } below)
            return null;
        return new BackingFileReference(settings.BackingFile ?? below.FileName, below.Driver.FormatName);
    }

    /// <summary>The images stay the job's until it is dismissed, as in QEMU.</summary>
    private async ValueTask RemoveFilterAsync()
    {
        if (_context is not null)
            await _context.ReleaseNodesAsync(nodes.Reader).ConfigureAwait(false);
        await host.Graph.RemoveFilterAsync(nodes.Filter, CancellationToken.None).ConfigureAwait(false);
    }
}
