// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace BlockHost.Block.Graph;

/// <summary>
/// The graph of open nodes, for commands, jobs and exports. Changes are serialised by the host; each either happens
/// whole or leaves the graph as it was and throws (<see cref="BlockException"/>, or a QMP error where QEMU has one).
/// </summary>
public interface IBlockGraph
{
    /// <summary>All nodes, in the order of query-named-block-nodes.</summary>
    IReadOnlyList<IGraphNode> Nodes { get; }

    /// <summary>Block backends: users of nodes outside the graph (exports, jobs, devices, named older drives).</summary>
    IReadOnlyList<IBlockBackend> Backends { get; }

    bool TryGetNode(string nodeName, [NotNullWhen(true)] out IGraphNode? node);

    /// <summary>By backend name or node name, as QEMU's older "device" arguments allow.</summary>
    /// <exception cref="BlockException">There is none, with QEMU's text.</exception>
    IGraphNode Lookup(string? device, string? nodeName);

    /// <summary>
    /// As <see cref="Lookup"/>, for commands that take the name of either, and a node that no other node is built on.
    /// </summary>
    /// <exception cref="BlockException">There is none, or it is a part of another node.</exception>
    IGraphNode LookupRoot(string name)
    {
        var node = Lookup(name, name);
        return node.Parents.Any(edge => edge.Parent is not null || edge.Name != BackendOptions.RootChild)
            ? throw new BlockException(BlockErrorKind.InvalidArgument, "Need a root block node")
            : node;
    }

    /// <summary>blockdev-add: opens a node that the monitor owns until <see cref="RemoveAsync"/>.</summary>
    /// <param name="options">BlockdevOptions; node-name is required.</param>
    ValueTask<IGraphNode> AddAsync(JsonElement options, CancellationToken cancellationToken);

    /// <summary>Opens a node that lives as long as it has users; dispose the backend to let go.</summary>
    ValueTask<IBlockBackend> OpenAsync(BlockdevRef reference, BackendOptions options, CancellationToken cancellationToken);

    /// <summary>blockdev-del: the monitor lets go of a node.</summary>
    ValueTask RemoveAsync(string nodeName, CancellationToken cancellationToken);

    /// <summary>blockdev-reopen: all or nothing over the list.</summary>
    ValueTask ReopenAsync(IReadOnlyList<JsonElement> options, CancellationToken cancellationToken);

    /// <summary>Reopens a node, and what is defined in it, for reading only or for writing; all other options stay.</summary>
    ValueTask SetReadOnlyAsync(IGraphNode node, bool readOnly, CancellationToken cancellationToken);

    /// <summary>
    /// Makes a node active with all below it, or inactive with what no other active node is built on; null: all nodes. Whole or
    /// not at all.
    /// </summary>
    /// <exception cref="BlockException">
    /// A node above it is active, a user keeps it active, what it holds back cannot be written; or another process has the image.
    /// </exception>
    ValueTask SetActiveAsync(IGraphNode? node, bool active, CancellationToken cancellationToken) =>
        throw new NotSupportedException("This graph knows no inactive nodes");

    /// <summary>
    /// Makes all nodes active, after another host has had their images: not where another process writes one of them, although
    /// its user would share it.
    /// </summary>
    /// <exception cref="BlockException">Somebody else has an image. All nodes are as before.</exception>
    ValueTask TakeOverAsync(CancellationToken cancellationToken) => SetActiveAsync(null, active: true, cancellationToken);

    /// <summary>
    /// block_passwd: gives an inactive node that was opened without its key the password, and those of its backing chain that
    /// lack theirs. The bytes are copied, and zeroed when the node is closed.
    /// </summary>
    /// <exception cref="BlockException">No key is missing, or the password is wrong. Nothing has changed.</exception>
    ValueTask SetPasswordAsync(IGraphNode node, ReadOnlyMemory<byte> password, CancellationToken cancellationToken) =>
        throw new NotSupportedException("This graph knows no inactive nodes");

    /// <summary>A user of a node outside the graph.</summary>
    ValueTask<IBlockBackend> CreateBackendAsync(IGraphNode node, BackendOptions options, CancellationToken cancellationToken);

    /// <summary>
    /// Makes <paramref name="overlay"/> take <paramref name="node"/>'s place for all its users, and node its backing file.
    /// </summary>
    ValueTask AppendAsync(IGraphNode overlay, IGraphNode node, CancellationToken cancellationToken);

    /// <summary>
    /// The inverse of <see cref="AppendAsync"/>: what is under <paramref name="overlay"/> gets its users back, and the overlay
    /// has no backing file.
    /// </summary>
    ValueTask RemoveOverlayAsync(IGraphNode overlay, CancellationToken cancellationToken);

    /// <summary>Gives the users of <paramref name="from"/> the node <paramref name="to"/> instead.</summary>
    ValueTask ReplaceAsync(IGraphNode from, IGraphNode to, CancellationToken cancellationToken);

    /// <summary>
    /// Opens a filter over a node and gives it the node's users, except those that stay
    /// (<see cref="BackendOptions.StaysAtNode"/>). Nobody but the caller owns it: it stays until <see cref="RemoveFilterAsync"/>,
    /// or until it has had users and the last one goes.
    /// </summary>
    /// <param name="driver">One that users can name too.</param>
    /// <param name="options">Its options, an object, without the filtered child.</param>
    ValueTask<IGraphNode> InsertFilterAsync(
        IGraphNode node, BlockDriver driver, JsonElement options, FilterOptions filter, CancellationToken cancellationToken);

    /// <summary>The same with a filter that users cannot add: its owner makes the node itself.</summary>
    /// <param name="driverName">What queries show as the node's driver, such as "mirror_top".</param>
    ValueTask<InsertedFilter<TNode>> InsertFilterAsync<TNode>(
        IGraphNode node, string driverName, FilterFactory<TNode> make, FilterOptions filter, CancellationToken cancellationToken)
        where TNode : BlockNode;

    /// <summary>Gives a filter's users the node that it filters, and closes the filter, if it is still there.</summary>
    ValueTask RemoveFilterAsync(IGraphNode filter, CancellationToken cancellationToken);

    /// <summary>Gives a node one more child of its list (x-blockdev-change).</summary>
    /// <exception cref="BlockException">The node has no such list, or takes no more.</exception>
    ValueTask AddChildAsync(IGraphNode parent, IGraphNode child, CancellationToken cancellationToken);

    /// <summary>Takes a child of its list away from a node.</summary>
    ValueTask RemoveChildAsync(IGraphNode parent, IGraphEdge child, CancellationToken cancellationToken);

    /// <summary>Puts <paramref name="backing"/> under an overlay, or (null) nothing.</summary>
    ValueTask SetBackingAsync(IGraphNode overlay, IGraphNode? backing, CancellationToken cancellationToken);

    /// <summary>Opens the backing file that an overlay's header records, if any, where the overlay was opened without.</summary>
    ValueTask OpenRecordedBackingAsync(IGraphNode overlay, CancellationToken cancellationToken);

    /// <summary>
    /// No request is in flight on <paramref name="node"/> (null: on any) nor starts until the section is disposed.
    /// </summary>
    ValueTask<IAsyncDisposable> DrainAsync(IGraphNode? node, CancellationToken cancellationToken);

    /// <summary>blockdev-create without the job: makes an image by its BlockdevCreateOptions.</summary>
    ValueTask CreateImageAsync(JsonElement createOptions, CancellationToken cancellationToken);

    /// <summary>The driver of that name, loading its plugin where needed.</summary>
    ValueTask<BlockDriver?> FindDriverAsync(string formatName, CancellationToken cancellationToken);
}
