// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;

namespace BlockHost.Images;

/// <summary>An image a tool has opened: its backend and one queue. Disposing closes it.</summary>
internal sealed class OpenImage(IBlockGraph graph, IBlockBackend backend, string name) : IAsyncDisposable
{
    private IBlockQueue? _queue;

    /// <summary>As the command line named it.</summary>
    public string Name { get; } = name;

    public IBlockGraph Graph { get; } = graph;

    public IBlockBackend Backend { get; } = backend;

    public IGraphNode Node => Backend.Node;

    public long Length => Backend.Length;

    public BlockProfile Profile => Backend.Profile;

    public IBlockQueue Queue => _queue ??= Backend.OpenQueue();

    public async ValueTask DisposeAsync()
    {
        if (_queue is not null)
            await _queue.DisposeAsync();
        await Backend.DisposeAsync();
    }
}
