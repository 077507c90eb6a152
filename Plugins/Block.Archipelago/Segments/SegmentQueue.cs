// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Archipelago.Segments;

/// <summary>A queue in the segment; whoever calls holds the lock that guards it.</summary>
internal readonly struct SegmentQueue(SharedSegment segment, long place)
{
    internal void Initialize(long entries, long capacity)
    {
        segment.Set(place + QueueLayout.Lock, 0);
        segment.Set(place + QueueLayout.Head, 1);
        segment.Set(place + QueueLayout.Tail, 0);
        segment.Set(place + QueueLayout.Entries, unchecked((ulong)(entries - (place + QueueLayout.Entries))));
        segment.Set(place + QueueLayout.Capacity, (ulong)capacity);
    }

    internal bool TryAppendHead(ulong value)
    {
        Look(out var head, out _, out var count, out var capacity);
        if (count >= capacity)
            return false;
        segment.Set(Entry(head, capacity), value);
        segment.Set(place + QueueLayout.Head, unchecked(head + 1));
        return true;
    }

    internal bool TryAppendTail(ulong value)
    {
        Look(out _, out var tail, out var count, out var capacity);
        if (count >= capacity)
            return false;
        segment.Set(Entry(tail, capacity), value);
        segment.Set(place + QueueLayout.Tail, unchecked(tail - 1));
        return true;
    }

    internal bool TryPopHead(out ulong value)
    {
        value = 0;
        Look(out var head, out _, out var count, out var capacity);
        if (count == 0)
            return false;
        value = segment.Get(Entry(unchecked(head - 1), capacity));
        segment.Set(place + QueueLayout.Head, unchecked(head - 1));
        return true;
    }

    /// <exception cref="Block.BlockException">It cannot be a queue.</exception>
    private void Look(out ulong head, out ulong tail, out ulong count, out ulong capacity)
    {
        head = segment.Get(place + QueueLayout.Head);
        tail = segment.Get(place + QueueLayout.Tail);
        capacity = segment.Get(place + QueueLayout.Capacity);
        count = unchecked(head - tail - 1);
        if (!System.Numerics.BitOperations.IsPow2(capacity) || capacity > (ulong)segment.Length || count > capacity)
            throw SharedSegment.Damaged($"a queue has {count} of {capacity} entries");
    }

    private long Entry(ulong index, ulong capacity) =>
        segment.RelativePlace(place + QueueLayout.Entries) + (long)((index & (capacity - 1)) * sizeof(ulong));
}
