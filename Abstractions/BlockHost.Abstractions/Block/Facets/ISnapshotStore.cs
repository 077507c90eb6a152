// SPDX-License-Identifier: MIT
namespace BlockHost.Block.Facets;

/// <summary>An internal snapshot. Times are UTC; sizes in bytes.</summary>
public sealed record SnapshotRecord(string Id, string Name, long VmStateSize, DateTimeOffset Date, TimeSpan VmClock)
{
    public long? InstructionCount { get; init; }

    /// <summary>Nanoseconds of the date's second, which may say more than <see cref="Date"/> can.</summary>
    public long DateNanoseconds { get; init; } = Date.Ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick;

    /// <summary>Nanoseconds of the guest clock's second, which may say more than <see cref="VmClock"/> can.</summary>
    public long VmClockNanoseconds { get; init; } = VmClock.Ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick;
}

/// <summary>Internal snapshots of an image. The node is drained for all but the listing.</summary>
public interface ISnapshotStore
{
    ValueTask<IReadOnlyList<SnapshotRecord>> ListAsync(CancellationToken cancellationToken);

    ValueTask<SnapshotRecord> CreateAsync(SnapshotRecord snapshot, CancellationToken cancellationToken);

    ValueTask ApplyAsync(string idOrName, CancellationToken cancellationToken);

    ValueTask DeleteAsync(string id, string? name, CancellationToken cancellationToken);

    /// <summary>
    /// Lets a node that is open for reading only show the disk as it was when the snapshot was taken, until it closes.
    /// Its length stays the image's.
    /// </summary>
    ValueTask ShowAsync(string id, CancellationToken cancellationToken) =>
        throw new BlockException(BlockErrorKind.NotSupported, "Snapshots cannot be read");

    /// <summary>The VM state area, beyond the guest's data.</summary>
    ValueTask ReadVmStateAsync(long offset, IoSlice target, CancellationToken cancellationToken);

    ValueTask WriteVmStateAsync(long offset, IoSlice source, CancellationToken cancellationToken);
}
