// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Jobs;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Job.Mirror;

/// <summary>
/// The end. Guests are held back from when the last write is copied until the graph is as it will be, so that no write
/// falls between source and target.
/// </summary>
internal sealed partial class MirrorJob
{
    private IAsyncDisposable? _guestsStopped;
    private IJobContext? _context;

    private async ValueTask<bool> TryStopGuestsAsync(IJobContext context, CancellationToken cancellationToken)
    {
        _context = context;
        using var changing = context.ChangeGraph();
        var stopped = await _graph.DrainAsync(_nodes.Filter, cancellationToken).ConfigureAwait(false);
        if (DirtyBytes > 0)
        {
            await stopped.DisposeAsync().ConfigureAwait(false);
            return false;
        }

        _guestsStopped = stopped;
        return true;
    }

    public override async ValueTask PrepareAsync(CancellationToken cancellationToken)
    {
        if (!_completing || _context is null || _context.IsCancelRequested)
            return;
        try
        {
            await CloseQueuesAsync().ConfigureAwait(false);
            await _context.ReleaseNodesAsync().ConfigureAwait(false);
            var replaced = _settings.Replaces is { } name ? _graph.Lookup(null, name) : _nodes.Filter;
            await _graph.ReplaceAsync(replaced, _settings.Target, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is QmpException or BlockException)
        {
            throw new JobException((e as BlockException)?.Errno ?? Errno.EPERM, e.Message, e);
        }
    }

    public override async ValueTask CleanAsync()
    {
        await CloseQueuesAsync().ConfigureAwait(false);
        if (_graph.TryGetNode(_nodes.Filter.Name, out var filter) && filter == _nodes.Filter)
        {
            _nodes.FilterNode.SetActive(null);
            await _graph.RemoveFilterAsync(filter, CancellationToken.None).ConfigureAwait(false);
        }

        _dirty.Dispose();
        if (_guestsStopped is { } stopped)
            await stopped.DisposeAsync().ConfigureAwait(false);
        _guestsStopped = null;
    }

    private async ValueTask CloseQueuesAsync()
    {
        await _sourceQueues.DisposeAsync().ConfigureAwait(false);
        await _targetQueues.DisposeAsync().ConfigureAwait(false);
    }
}
