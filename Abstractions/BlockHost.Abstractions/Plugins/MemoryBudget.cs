// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins;

/// <summary>
/// Memory that clients make the process hold: buffers of requests and replies, in use or kept for reuse. Large amounts
/// are asked for and may be refused, and then the work is done in small pieces; small ones are always had. Thread safe.
/// </summary>
public sealed class MemoryBudget(long limit = MemoryBudget.DefaultLimit)
{
    public const long DefaultLimit = 256L << 20;

    private long _used;

    /// <summary>What small amounts may exceed by a little for each client.</summary>
    public long Limit => limit;

    public long Used => Volatile.Read(ref _used);

    /// <summary>Nothing is left: who has a choice begins nothing new and keeps nothing for later.</summary>
    public bool IsShort => Used >= limit;

    /// <summary>False: so much is not left, and nothing was taken.</summary>
    public bool TryTake(long bytes)
    {
        if (Interlocked.Add(ref _used, bytes) <= limit)
            return true;
        GiveBack(bytes);
        return false;
    }

    /// <summary>Takes what there is no doing without.</summary>
    public void Take(long bytes) => Interlocked.Add(ref _used, bytes);

    public void GiveBack(long bytes) => Interlocked.Add(ref _used, -bytes);
}
