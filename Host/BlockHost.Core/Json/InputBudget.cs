// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Json;

/// <summary>
/// Memory that all monitors together may hold for unfinished and queued input. A peer that sends a huge message is
/// refused, whatever the others hold; small messages are not counted.
/// </summary>
public sealed class InputBudget(long bytes)
{
    private readonly long _limit = bytes;
    private long _left = bytes;

    /// <summary>What the monitors hold now.</summary>
    public long Held => _limit - Interlocked.Read(ref _left);

    public bool TryReserve(long amount)
    {
        if (Interlocked.Add(ref _left, -amount) >= 0)
            return true;
        Interlocked.Add(ref _left, amount);
        return false;
    }

    public void Release(long amount) => Interlocked.Add(ref _left, amount);
}
