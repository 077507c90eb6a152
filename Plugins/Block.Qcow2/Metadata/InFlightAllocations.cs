// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>
/// Guest clusters whose new host clusters are being filled. Whoever wants to change the same entries waits until they
/// are linked. Under the metadata lock.
/// </summary>
internal sealed class InFlightAllocations
{
    private readonly List<PendingMapping> _active = [];

    public bool Any => _active.Count > 0;

    /// <summary>Completes when a conflicting allocation has ended; null when there is none.</summary>
    public Task? Conflict(long firstGuestCluster, long count)
    {
        foreach (var active in _active)
        {
            if (active.GuestFirst < firstGuestCluster + count && firstGuestCluster < active.GuestFirst + active.Count)
                return active.Ended.Task;
        }
        return null;
    }

    public void Begin(PendingMapping mapping) => _active.Add(mapping);

    public void End(PendingMapping mapping)
    {
        _active.Remove(mapping);
        mapping.Ended.SetResult();
    }
}

/// <summary>Guest clusters whose entries are about to change.</summary>
internal abstract record PendingMapping(long GuestFirst, long Count)
{
    public TaskCompletionSource Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}

/// <summary>Host clusters for a run of guest clusters, until the L2 entries name them.</summary>
/// <param name="Host">The host clusters, as many as guest clusters.</param>
/// <param name="IsNew">Taken for this; else clusters that already belong to the entries.</param>
/// <param name="FillStart">Guest offset from which on the host clusters are to hold data.</param>
/// <param name="FillEnd">Guest offset at which that ends; what lies outside keeps its state.</param>
internal sealed record Allocation(
    long GuestFirst, ClusterRun Host, bool IsNew, long FillStart, long FillEnd) : PendingMapping(GuestFirst, Host.Count);
