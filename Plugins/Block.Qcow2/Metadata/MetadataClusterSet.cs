// SPDX-License-Identifier: MIT
using System.Numerics;

namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>
/// The kinds of metadata in single clusters, sixteen bytes or so for each. Read without a lock; changed under the
/// metadata lock.
/// </summary>
/// <remarks>
/// <code>
/// slot: | cluster index + 1 | kinds : 9 bits |     0: never used     kinds 0: was removed
/// </code>
/// Open addressing. The hash differs from image to image, so that no table can be made to collide.
/// </remarks>
internal sealed class MetadataClusterSet
{
    private const int KindBits = 9;
    private const ulong KindMask = (1 << KindBits) - 1;
    private const int MinSlots = 64;

    private readonly ulong _multiplier = (ulong)Random.Shared.NextInt64() | 1;
    private ulong[] _slots = new ulong[MinSlots];
    private int _used;

    public MetadataKinds this[long cluster]
    {
        get
        {
            var slots = Volatile.Read(ref _slots);
            return (MetadataKinds)(Volatile.Read(ref slots[Find(slots, cluster)]) & KindMask);
        }
    }

    /// <summary>Makes room for so many more clusters at once.</summary>
    public void Reserve(int count)
    {
        if (_used + (long)count > RoomIn(_slots.Length)) Rebuild(count);
    }

    public void Add(long cluster, MetadataKinds kind)
    {
        Reserve(1);
        ref var slot = ref _slots[Find(_slots, cluster)];
        if (slot == 0) _used++;
        Volatile.Write(ref slot, Key(cluster) | (slot & KindMask) | (ulong)kind);
    }

    public void Remove(long cluster, MetadataKinds kind)
    {
        ref var slot = ref _slots[Find(_slots, cluster)];
        if (slot != 0) Volatile.Write(ref slot, slot & ~(ulong)kind);
    }

    private static ulong Key(long cluster) => ((ulong)cluster + 1) << KindBits;

    private static long RoomIn(int slots) => slots * 3L / 4;

    /// <summary>The cluster's slot, or the unused one that it would take.</summary>
    private int Find(ulong[] slots, long cluster)
    {
        var key = Key(cluster);
        var at = (int)(((ulong)cluster * _multiplier) >> (64 - BitOperations.Log2((uint)slots.Length)));
        while (Volatile.Read(ref slots[at]) is var slot && slot != 0 && (slot & ~KindMask) != key)
            at = (at + 1) & (slots.Length - 1);
        return at;
    }

    /// <summary>Readers go on in the old array, which stays as it is.</summary>
    private void Rebuild(int more)
    {
        var kept = _slots.Where(slot => (slot & KindMask) != 0).ToArray();
        var length = MinSlots;
        while (RoomIn(length) < kept.Length + (long)more) length *= 2;
        var slots = new ulong[length];
        foreach (var slot in kept)
            slots[Find(slots, (long)(slot >> KindBits) - 1)] = slot;
        _used = kept.Length;
        Volatile.Write(ref _slots, slots);
    }
}
