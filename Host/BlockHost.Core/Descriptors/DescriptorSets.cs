// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins;
using BlockHost.Posix;
using BlockHost.Qmp;

namespace BlockHost.Core.Descriptors;

/// <summary>
/// Numbered sets of descriptors. Whoever opens "/dev/fdset/N" gets a duplicate of one:
/// <code>
///   set 2 ─┬─ 17 read-only  (removed: not given out, closed when nothing of the set is in use)
///          ├─ 18 read-write
///          └─ in use: 21, 25
/// </code>
/// What nobody uses goes when the last monitor has gone: its manager will not come back for it.
/// </summary>
/// <param name="isRunning">While the machine is stopped nothing is closed.</param>
public sealed class DescriptorSets(Func<bool> isRunning) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<long, DescriptorSet> _sets = [];
    private int _monitors;

    /// <summary>Takes a descriptor over.</summary>
    /// <param name="id">The set, made where there is none; null: a new one.</param>
    /// <returns>The set's number.</returns>
    /// <exception cref="QmpException">The number is negative.</exception>
    public long Add(long? id, int descriptor, string? opaque)
    {
        if (id < 0)
            throw new QmpException(ParameterFault.OutOfRange("fdset-id", "a non-negative value"));
        lock (_lock)
        {
            var set = id ?? FirstFree();
            if (!_sets.TryGetValue(set, out var found))
                _sets[set] = found = new DescriptorSet();
            found.Members.Add(new SetMember(descriptor, opaque));
            return set;
        }
    }

    /// <summary>Gives out no more of a set, or of one descriptor of it.</summary>
    /// <exception cref="QmpException">There is none.</exception>
    public void Remove(long id, long? descriptor)
    {
        lock (_lock)
        {
            var members = _sets.GetValueOrDefault(id)?.Members.Where(
                member => (descriptor ?? member.Value) == member.Value).ToList();
            if (members is null || (members.Count == 0 && descriptor is not null))
                throw new QmpException(
                    $"File descriptor named 'fdset-id:{id}{(descriptor is null ? "" : $", fd:{descriptor}")}' not found");
            foreach (var member in members)
                member.IsRemoved = true;
            CloseUnused(id);
        }
    }

    /// <summary>Number, and descriptors in the order in which they came; the latest number first.</summary>
    public IReadOnlyList<(long Id, IReadOnlyList<(int Value, string? Opaque)> Descriptors)> List()
    {
        lock (_lock)
            return
            [
                .. _sets.Reverse().Select(set => (
                    set.Key,
                    (IReadOnlyList<(int, string?)>)[.. set.Value.Members.Select(member => (member.Value, member.Opaque))])),
            ];
    }

    /// <summary>A duplicate of the first descriptor that is open for just this access.</summary>
    public PassedDescriptor? TryUse(long id, FileAccess access, out int errno)
    {
        lock (_lock)
        {
            errno = Errno.ENOENT;
            if (!_sets.TryGetValue(id, out var set))
                return null;
            errno = Errno.EACCES;
            return set.Members.FirstOrDefault(member => !member.IsRemoved && member.Access == access) is { } found
                ? Duplicate(id, set, found.Value, out errno)
                : null;
        }
    }

    /// <summary>Until the result is disposed a monitor is connected.</summary>
    public IDisposable Connected()
    {
        Interlocked.Increment(ref _monitors);
        return new Monitor(this);
    }

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (var member in _sets.Values.SelectMany(set => set.Members))
                _ = Libc.close(member.Value);
            _sets.Clear();
        }
    }

    private long FirstFree()
    {
        var free = 0L;
        foreach (var id in _sets.Keys.TakeWhile(id => id == free))
            free = id + 1;
        return free;
    }

    private Duplicated? Duplicate(long id, DescriptorSet set, int descriptor, out int errno)
    {
        const int duplicateCloseOnExec = 1030;
        var value = Libc.fcntl(descriptor, duplicateCloseOnExec, 0);
        errno = value < 0 ? SystemError.Last : 0;
        if (value < 0)
            return null;
        set.InUse.Add(value);
        return new Duplicated(this, id, set, value);
    }

    private void Return(long id, DescriptorSet set, int value)
    {
        lock (_lock)
        {
            _ = Libc.close(value);
            set.InUse.Remove(value);
            CloseUnused(id);
        }
    }

    private void MonitorGone()
    {
        if (Interlocked.Decrement(ref _monitors) > 0)
            return;
        lock (_lock)
        {
            foreach (var id in _sets.Keys.ToList())
                CloseUnused(id);
        }
    }

    private void CloseUnused(long id)
    {
        if (!_sets.TryGetValue(id, out var set))
            return;
        var nobodyCares = set.InUse.Count == 0 && Volatile.Read(ref _monitors) == 0;
        foreach (var member in set.Members.Where(member => (member.IsRemoved || nobodyCares) && isRunning()).ToList())
        {
            _ = Libc.close(member.Value);
            set.Members.Remove(member);
        }

        if (set.Members.Count == 0 && set.InUse.Count == 0)
            _sets.Remove(id);
    }

    private sealed class Monitor(DescriptorSets sets) : IDisposable
    {
        private int _gone;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _gone, 1) == 0)
                sets.MonitorGone();
        }
    }

    private sealed class DescriptorSet
    {
        public List<SetMember> Members { get; } = [];

        public HashSet<int> InUse { get; } = [];
    }

    private sealed class SetMember(int value, string? opaque)
    {
        public int Value => value;

        public string? Opaque => opaque;

        public bool IsRemoved { get; set; }

        public FileAccess Access { get; } = OpenFlags.AccessOf(Libc.fcntl(value, OpenFlags.GetStatusFlags, 0));
    }

    private sealed class Duplicated(DescriptorSets sets, long id, DescriptorSet set, int value) : PassedDescriptor
    {
        private int _closed;

        public override int Value => value;

        public override PassedDescriptor? TryDuplicate(out int errno)
        {
            lock (sets._lock)
                return sets.Duplicate(id, set, value, out errno);
        }

        public override void Dispose()
        {
            if (Interlocked.Exchange(ref _closed, 1) == 0)
                sets.Return(id, set, value);
        }
    }
}
