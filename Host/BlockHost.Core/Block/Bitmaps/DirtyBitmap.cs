// SPDX-License-Identifier: MIT
using System.Numerics;
using BlockHost.Block;
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Graph;

namespace BlockHost.Core.Block.Bitmaps;

/// <summary>
/// One bitmap of a node: state under the lock of <see cref="NodeBitmaps"/>, content in a <see cref="BitTree"/>.
/// </summary>
internal sealed class DirtyBitmap : IDirtyBitmap
{
    private readonly NodeBitmaps _owner;
    private readonly BitTree _units;
    private readonly int _shift;
    private DirtyBitmap? _heir;
    private int _holds;

    public DirtyBitmap(NodeBitmaps owner, string? name, long granularity, long length)
    {
        _owner = owner;
        _shift = BitOperations.Log2((ulong)granularity);
        _units = new BitTree(UnitsFor(length));
        Name = name;
        Length = length;
    }

    public string? Name { get; set; }

    public IGraphNode Node => _owner.Node;

    public long Length { get; private set; }

    public long Granularity => 1L << _shift;

    public long DirtyBytes => _units.Count << _shift;

    /// <summary>Changed through the owner only.</summary>
    public bool IsEnabled { get; set; }

    public bool Enabled
    {
        get => IsEnabled;
        set => _owner.SetEnabled(this, value);
    }

    /// <summary>Marks new writes while a job works from this bitmap.</summary>
    public DirtyBitmap? Successor { get; set; }

    public bool IsRecording => IsEnabled || Successor is { IsEnabled: true };

    public bool IsBusy => Volatile.Read(ref _holds) > 0;

    public bool IsPersistent { get; set; }

    /// <summary>A transaction removes it: not stored, although persistent.</summary>
    public bool SkipsStore { get; set; }

    public bool IsHandedOver { get; set; }

    public bool IsInconsistent { get; init; }

    public bool IsReadOnly { get; set; }

    public void RequireUsable(BitmapUse use)
    {
        if (IsBusy)
            throw new BlockException(
                BlockErrorKind.Busy, $"Bitmap '{Name}' is currently in use by another operation and cannot be used");
        if (IsReadOnly && (use & BitmapUse.AllowReadOnly) == 0)
            throw new BlockException(BlockErrorKind.PermissionDenied, $"Bitmap '{Name}' is readonly and cannot be modified");
        if (IsInconsistent && (use & BitmapUse.AllowInconsistent) == 0)
            throw new BlockException(BlockErrorKind.InvalidArgument, $"Bitmap '{Name}' is inconsistent and cannot be used");
    }

    /// <summary>A write has completed.</summary>
    public void Mark(long offset, long bytes)
    {
        if (!IsEnabled || bytes <= 0)
            return;
        var (first, end) = (offset >> _shift, ((offset + bytes - 1) >> _shift) + 1);

        // The written data must be visible before the bit is looked at: somebody may be clearing it to copy the data.
        Interlocked.MemoryBarrier();
        if (end - first > 1 || !_units[first])
            _units.Set(first, end);
        if (Volatile.Read(ref _heir) is { } heir)
            heir._units.Set(first, end);
    }

    /// <summary>From now on <paramref name="heir"/> has all that is marked here, be it by a write that began before.</summary>
    public void HandOver(DirtyBitmap heir)
    {
        Volatile.Write(ref _heir, heir);
        Interlocked.MemoryBarrier();
        heir.Merge(this);
    }

    public bool IsDirty(long offset) => offset >= 0 && offset < Length && _units[offset >> _shift];

    public DirtyRun GetRun(long offset, long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        var dirty = IsDirty(offset);
        var units = _units.Bits;
        var next = _units.Find(!dirty, offset >> _shift, units);
        var runEnd = next >= units ? long.MaxValue : next << _shift;
        return new(dirty, Math.Min(bytes, runEnd - offset));
    }

    public bool TryFindDirty(long offset, long end, long maxBytes, out DirtyRange range)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        end = Math.Min(end, Length);
        range = default;
        if (offset >= end)
            return false;
        var lastUnit = UnitsFor(end);
        var first = _units.Find(set: true, offset >> _shift, lastUnit);
        if (first >= lastUnit)
            return false;
        var start = Math.Max(offset, first << _shift);
        var stop = Math.Min(end, maxBytes < end - start ? start + maxBytes : end);
        stop = Math.Min(stop, _units.Find(set: false, first, UnitsFor(stop)) << _shift);
        range = new(start, stop - start);
        return range.Bytes > 0;
    }

    public void Set(long offset, long bytes) => Change(offset, bytes, _units.Set);

    public void Reset(long offset, long bytes) => Change(offset, bytes, _units.Reset);

    public void Clear() => _units.Clear();

    public void RequireMergeable(IDirtyBitmap source)
    {
        if (source.Length != Length)
            throw new BlockException(
                BlockErrorKind.InvalidArgument,
                $"Bitmaps are of different sizes (destination size is {Length}, source size is {source.Length}) and can't be merged");
    }

    public void Merge(IDirtyBitmap source)
    {
        RequireMergeable(source);
        if (source == this)
            return;
        for (long at = 0; source.TryFindDirty(at, Length, Length, out var range); at = range.End)
            Set(range.Offset, range.Bytes);
    }

    public IBitmapContent Capture() => new Content(_units.Clone());

    public void Restore(IBitmapContent content) => _units.CopyFrom(((Content)content).Units);

    public BitmapUniformity ReadBits(long firstUnit, Span<byte> bits) => _units.Read(firstUnit, bits);

    public void AddBits(long firstUnit, ReadOnlySpan<byte> bits) => _units.Or(firstUnit, bits);

    public IDisposable Hold()
    {
        Interlocked.Increment(ref _holds);
        return new HoldToken(this);
    }

    public IFrozenBitmap Freeze() => _owner.Freeze(this);

    /// <summary>The node has another length; what is new is clean.</summary>
    public void Resize(long length)
    {
        Length = length;
        _units.Resize(UnitsFor(length));
    }

    public void Dispose() => _owner.Release(this);

    /// <exception cref="BlockException">The bitmap would be larger than any that can be kept.</exception>
    public static void CheckSize(long length, long granularity)
    {
        if (length / granularity >= BitTree.MaxBits)
            throw new BlockException(
                BlockErrorKind.InvalidArgument, $"A bitmap of {length} bytes with a granularity of {granularity} is too large");
    }

    private long UnitsFor(long length) => (length >> _shift) + ((length & (Granularity - 1)) != 0 ? 1 : 0);

    private void Change(long offset, long bytes, Action<long, long> change)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        bytes = Math.Min(bytes, Length - offset);
        if (bytes > 0)
            change(offset >> _shift, UnitsFor(offset + bytes));
    }

    private sealed record Content(BitTree Units) : IBitmapContent;

    private sealed class HoldToken(DirtyBitmap bitmap) : IDisposable
    {
        private DirtyBitmap? _bitmap = bitmap;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _bitmap, null) is { } held)
                Interlocked.Decrement(ref held._holds);
        }
    }
}
