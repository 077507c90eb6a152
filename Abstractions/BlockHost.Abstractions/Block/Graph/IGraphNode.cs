// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Facets;

namespace BlockHost.Block.Graph;

/// <summary>A node as the host keeps it: the facts that queries show, and control-plane operations.</summary>
public interface IGraphNode
{
    string Name { get; }

    /// <summary>Opened by the host without a name of the user's: "#block123".</summary>
    bool HasGeneratedName { get; }

    /// <summary>Inserted by a job and hidden from older queries.</summary>
    bool IsImplicit { get; }

    BlockDriver Driver { get; }

    /// <summary>The name that opens it again: plain where possible, else json:{…}.</summary>
    string FileName { get; }

    BlockProfile Profile { get; }

    long Length { get; }

    bool ReadOnly { get; }

    /// <summary>
    /// False: the image may be another process's now. The node takes no write, holds no lock, and knows nothing of the image that
    /// could be out of date.
    /// </summary>
    bool IsActive => true;

    bool CacheDirect { get; }

    bool CacheNoFlush { get; }

    DetectZeroes DetectZeroes { get; }

    /// <summary>Options the node was opened with, complete with generic ones.</summary>
    JsonElement Options { get; }

    IReadOnlyList<IGraphEdge> Children { get; }

    IReadOnlyList<IGraphEdge> Parents { get; }

    /// <summary>The copy-on-write child, or of a filter the filtered one's.</summary>
    IGraphNode? Backing { get; }

    /// <summary>The header's backing file as recorded, or null.</summary>
    BackingFileReference? RecordedBacking { get; }

    /// <summary>Offset in bytes above which a write emits BLOCK_WRITE_THRESHOLD once; 0: off.</summary>
    long WriteThreshold { get; set; }

    /// <summary>Id of the iothread that users of the node take who are given none of their own; null: any.</summary>
    string? IoThread { get; set; }

    /// <summary>One past the highest byte written.</summary>
    long WriteHighWater { get; }

    /// <summary>Whether an operation may be done to the node now.</summary>
    /// <exception cref="BlockException">Somebody blocks it: "Node 'x' is busy: …".</exception>
    void CheckOperation(BlockOperations operation);

    /// <summary>Keeps operations from being done to the node until the answer is disposed.</summary>
    /// <param name="reason">As the refusal says it, such as "block device is in use by block job: mirror".</param>
    IDisposable BlockOperations(BlockOperations operations, string reason);

    /// <summary>
    /// Changes the length, as a user of its own. It drains the node, and waits for sections that are going on: it must not be
    /// called inside one.
    /// </summary>
    ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken);

    ValueTask FlushAsync(CancellationToken cancellationToken);

    ValueTask<ImageFacts> GetFactsAsync(CancellationToken cancellationToken);

    IDirtyBitmaps DirtyBitmaps { get; }

    /// <summary>Tracks the node's reads until the answer is disposed, which costs each of them a little.</summary>
    IReadTracker TrackReads();

    /// <summary>The node's own ability; the caller drains where the facet asks for it.</summary>
    bool TryGetFacet<T>([NotNullWhen(true)] out T? facet)
        where T : class;

    /// <summary>Internal snapshots of the node, or of the one image that it presents as its own.</summary>
    ISnapshotStore? FindSnapshotStore()
    {
        const BlockChildRole Content = BlockChildRole.Data | BlockChildRole.Metadata | BlockChildRole.Filtered;
        if (TryGetFacet<ISnapshotStore>(out var store))
            return store;
        var stored = Children.Where(edge => (edge.Role & Content) != 0).Take(2).ToList();
        return stored.Count == 1 ? stored[0].Child.FindSnapshotStore() : null;
    }
}

/// <summary>The reads of one node. For who changes what lies below it once the node has its own copy.</summary>
public interface IReadTracker : IDisposable
{
    /// <summary>Completes when the reads of the range that have begun since tracking are over.</summary>
    ValueTask WhenPastAsync(long offset, long bytes);
}

/// <summary>A link from a parent (a node, backend or job) to a node.</summary>
public interface IGraphEdge
{
    string Name { get; }

    BlockChildRole Role { get; }

    /// <summary>Null where the parent is outside the graph.</summary>
    IGraphNode? Parent { get; }

    /// <summary>As error texts name the parent: "node 'x'", "block device 'y'".</summary>
    string ParentDescription { get; }

    IGraphNode Child { get; }

    BlockPermissionSet Permissions { get; }
}
