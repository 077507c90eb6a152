// SPDX-License-Identifier: MIT
namespace BlockHost.Virtio.InFlight;

/// <summary>
/// What a split ring has in flight (vhost-user, "Inflight I/O tracking"):
/// <code>
///   │ features u64 │ version u16 │ entries u16 │ last_batch_head u16 │ used_idx u16 │
///   │ in flight u8 │ 5 bytes │ next u16 │ counter u64 │ × entries, by a chain's head
/// </code>
/// A chain is in flight from before it is carried out until after the driver has been shown that it is done. Where a process dies
/// between the used index and the entries behind it, the batch's list tells the next one which they are.
/// </summary>
internal sealed unsafe class SplitInFlightLog
{
    private const int LastBatch = 12;
    private const int UsedIndex = 14;
    private const int Header = 16;
    private const int Entry = 16;
    private const int Next = 6;
    private const int Counter = 8;

    private readonly byte* _start;
    private readonly ushort _entries;
    private readonly bool _isNew;
    private ulong _counter;

    /// <exception cref="VhostUserException">The region is of another ring.</exception>
    public SplitInFlightLog(InFlightRegion region, ushort ringSize)
    {
        _start = region.Start;
        _entries = ringSize;
        _isNew = region.Begin(ringSize);
    }

    /// <summary>Heads of what was in flight, oldest first.</summary>
    /// <param name="used">The used ring's index.</param>
    public Queue<ushort> Recover(ushort used)
    {
        if (_isNew)
            *(ushort*)(_start + UsedIndex) = used;
        FinishBatch(used);
        var found = new List<(ulong Counter, ushort Head)>();
        for (ushort head = 0; head < _entries; head++)
        {
            if (*At(head) != 0)
                found.Add((*(ulong*)(At(head) + Counter), head));
        }

        found.Sort();
        _counter = found.Count == 0 ? 0 : found[^1].Counter + 1;
        return new Queue<ushort>(found.Select(entry => entry.Head));
    }

    public void Taken(ushort head)
    {
        *(ulong*)(At(head) + Counter) = _counter++;
        Volatile.Write(ref *At(head), (byte)1);
    }

    /// <summary>Before the used index moves.</summary>
    public void Completing(ushort head)
    {
        ref var last = ref *(ushort*)(_start + LastBatch);
        *(ushort*)(At(head) + Next) = last;
        Volatile.Write(ref last, head);
    }

    /// <summary>After the used index has moved, for each of the batch.</summary>
    public void Completed(ushort head) => Volatile.Write(ref *At(head), (byte)0);

    public void Published(ushort used) => Volatile.Write(ref *(ushort*)(_start + UsedIndex), used);

    /// <summary>The driver has seen the last batch, and the entries may say otherwise.</summary>
    private void FinishBatch(ushort used)
    {
        ref var logged = ref *(ushort*)(_start + UsedIndex);
        var head = *(ushort*)(_start + LastBatch);
        for (var left = Math.Min((ushort)(used - logged), _entries); left > 0 && head < _entries; left--)
        {
            *At(head) = 0;
            head = *(ushort*)(At(head) + Next);
        }

        logged = used;
    }

    private byte* At(ushort head) => _start + Header + (Entry * head);
}
