// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>
/// Guest clusters whose new host clusters are being filled. Whoever wants to change the same entries waits until they
/// are linked. Under the metadata lock.
/// </summary>
internal sealed class InFlightAllocations
{
    private readonly List<Allocation> _active = [];

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

    public void Begin(Allocation allocation) => _active.Add(allocation);

    public void End(Allocation allocation)
    {
        _active.Remove(allocation);
        allocation.Ended.SetResult();
    }
}

/// <summary>Host clusters for a run of guest clusters, until the L2 entries name them.</summary>
/// <param name="Host">The host clusters, as many as guest clusters.</param>
/// <param name="IsNew">Taken for this; else zero clusters that already belong to the entries.</param>
internal sealed record Allocation(long GuestFirst, ClusterRun Host, bool IsNew)
{
    public long Count => Host.Count;

    public TaskCompletionSource Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
