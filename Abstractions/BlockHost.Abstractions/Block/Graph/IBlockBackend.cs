// SPDX-License-Identifier: MIT
namespace BlockHost.Block.Graph;

/// <summary>How a user outside the graph opens a node.</summary>
public sealed record BackendOptions
{
    /// <summary>The name of the link of a user that is no job.</summary>
    public const string RootChild = "root";

    public required BlockPermissionSet Permissions { get; init; }

    /// <summary>Shown in queries; null: anonymous.</summary>
    public string? Name { get; init; }

    /// <summary>As conflict messages name the user; null: derived from <see cref="Name"/>.</summary>
    public string? Description { get; init; }

    /// <summary>The name of the link to the node, as queries of the graph show it.</summary>
    public string ChildName { get; init; } = RootChild;

    /// <summary>The user keeps its node when the node is covered by an overlay or replaced.</summary>
    public bool StaysAtNode { get; init; }

    /// <summary>Who makes the requests, where it is to stop by itself while the node is drained.</summary>
    public IDrainedUser? DrainedUser { get; init; }

    /// <summary>
    /// The node may be inactive, and become so while this user has it, although the user writes: its writes fail then. Users that
    /// only read keep no node active.
    /// </summary>
    public bool AllowInactive { get; init; }

    /// <summary>A failed request is told to monitors (BLOCK_IO_ERROR): set by users whose clients are guests or remote.</summary>
    public bool ReportErrors { get; init; }

    /// <summary>Writes are durable when they complete.</summary>
    public bool WriteThrough { get; init; }

    /// <summary>Requests beyond the node's end are allowed where it is growable (tools).</summary>
    public bool AllowGrow { get; init; }

    /// <summary>Opening only: "filename" may stand for a format's storage or be a json: or protocol name (tools).</summary>
    public bool AllowFileNames { get; init; }

    /// <summary>
    /// Opening only: a format that is not given is found by looking at the image (tools; a guest can forge it).
    /// </summary>
    public bool AllowProbing { get; init; }

    /// <summary>Opening only: leave out backing files that the header records.</summary>
    public bool NoBacking { get; init; }

    /// <summary>Opening only: metadata will be looked at, guest data not.</summary>
    public bool NoIo { get; init; }

    /// <summary>Opening only: the image will be checked and perhaps repaired, so it may be damaged.</summary>
    public bool ForRepair { get; init; }

    /// <summary>
    /// Opening only: how storage that is not told otherwise does its I/O (its option "aio"); null: its own choice.
    /// </summary>
    public string? Aio { get; init; }
}

/// <summary>
/// A user of a node outside the graph: an export, a device, a job, a tool. Control plane; the data plane is its queues.
/// </summary>
public interface IBlockBackend : IAsyncDisposable
{
    string? Name { get; }

    bool WriteThrough { get; }

    IGraphNode Node { get; }

    /// <summary>The link to <see cref="Node"/>, as queries of the graph show it.</summary>
    IGraphEdge Edge { get; }

    BlockProfile Profile { get; }

    long Length { get; }

    BlockStats Stats { get; }

    /// <summary>
    /// A way in for one thread of work. Queues may be used at the same time; one queue only by one caller at a time.
    /// </summary>
    IBlockQueue OpenQueue();

    /// <summary>
    /// Changes the node's length: the backend must have asked for <see cref="BlockPermissions.Resize"/>. Drains the node, so a
    /// job calls it inside <see cref="Jobs.IJobContext.ChangeGraph"/>.
    /// </summary>
    /// <exception cref="BlockException">The node cannot be resized, or the backend may not do it.</exception>
    ValueTask ResizeAsync(long length, Facets.ResizeOptions options, CancellationToken cancellationToken);

    ValueTask ChangePermissionsAsync(BlockPermissionSet permissions, CancellationToken cancellationToken);

    /// <summary>As <see cref="BackendOptions.AllowInactive"/>, from now on.</summary>
    bool AllowsInactive
    {
        get => false;
        set { }
    }

    /// <summary>Called when the node's length has changed.</summary>
    event Action<IBlockBackend>? Resized;
}

/// <summary>
/// The data plane: bounds and permissions are checked, statistics counted, and errors are answers. Any number of
/// requests may be in flight. A request that starts while the node is drained waits.
/// </summary>
public interface IBlockQueue : IAsyncDisposable
{
    ValueTask<IoStatus> ReadAsync(
        long offset, IoSlice target, ReadFlags flags = ReadFlags.None, CancellationToken cancellationToken = default);

    ValueTask<IoStatus> WriteAsync(
        long offset, IoSlice source, WriteFlags flags = WriteFlags.None, CancellationToken cancellationToken = default);

    ValueTask<IoStatus> WriteZeroesAsync(
        long offset, long bytes, ZeroFlags flags = ZeroFlags.None, CancellationToken cancellationToken = default);

    ValueTask<IoStatus> DiscardAsync(long offset, long bytes, CancellationToken cancellationToken = default);

    ValueTask<IoStatus> FlushAsync(CancellationToken cancellationToken = default);

    /// <summary>State of a run over the whole chain: which layer provides it and what it reads as.</summary>
    ValueTask<ChainStatus> GetStatusAsync(
        long offset,
        long bytes,
        StatusPrecision precision = StatusPrecision.WantZero,
        CancellationToken cancellationToken = default);
}

/// <param name="Bytes">Length of the run; at least 1 where <paramref name="Status"/> is ok.</param>
/// <param name="Flags">What the run reads as.</param>
/// <param name="Depth">0: the node itself provides it, 1: its backing file, …; the chain's length where no layer does.</param>
/// <param name="File">The node that stores the data at <paramref name="HostOffset"/>, with
/// <see cref="BlockStatusFlags.OffsetValid"/>.</param>
public readonly record struct ChainStatus(
    IoStatus Status, long Bytes, BlockStatusFlags Flags, int Depth, long HostOffset, IGraphNode? File);
