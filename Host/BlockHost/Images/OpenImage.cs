// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.CommandLine;

namespace BlockHost.Images;

/// <summary>An image a tool has opened: its backend and one queue. Disposing closes it.</summary>
internal sealed class OpenImage(IBlockGraph graph, IBlockBackend backend, string name) : IAsyncDisposable
{
    private IBlockQueue? _queue;

    /// <summary>As the command line named it.</summary>
    public string Name { get; } = name;

    /// <summary>Opened for writing without a format, and nothing but raw was found.</summary>
    public bool IsGuessedRaw { get; init; }

    public IBlockGraph Graph { get; } = graph;

    public IBlockBackend Backend { get; } = backend;

    public IGraphNode Node => Backend.Node;

    /// <summary>The node of the image itself, where filters are over it.</summary>
    public IGraphNode Unfiltered
    {
        get
        {
            var node = Node;
            while (node.Driver.Kind == BlockDriverKind.Filter)
                node = node.Children.First(edge => (edge.Role & BlockChildRole.Filtered) != 0).Child;
            return node;
        }
    }

    public long Length => Backend.Length;

    public BlockProfile Profile => Backend.Profile;

    public IBlockQueue Queue => _queue ??= Backend.OpenQueue();

    /// <summary>Tells the user where a guessed format restricts what can be written.</summary>
    public void WarnOfGuess(ToolConsole console)
    {
        if (!IsGuessedRaw)
            return;
        var storage = Node.Children.Select(edge => edge.Child).FirstOrDefault() ?? Node;
        console.ErrorLine($"WARNING: Image format was not specified for '{storage.FileName}' and probing guessed raw.");
        console.ErrorLine(
            "         Automatically detecting the format is dangerous for raw images, write operations on block 0 will be restricted.");
        console.ErrorLine("         Specify the 'raw' format explicitly to remove the restrictions.");
    }

    /// <summary>
    /// Changes the length of an image that was not opened for it: the right to is asked for only now, and given back.
    /// </summary>
    public async ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        var permissions = Backend.Edge.Permissions;
        await Backend.ChangePermissionsAsync(
            permissions with { Needed = permissions.Needed | BlockPermissions.Resize }, cancellationToken);
        try
        {
            await Backend.ResizeAsync(length, options, cancellationToken);
        }
        finally
        {
            await Backend.ChangePermissionsAsync(permissions, CancellationToken.None);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_queue is not null)
            await _queue.DisposeAsync();
        await Backend.DisposeAsync();
    }
}
