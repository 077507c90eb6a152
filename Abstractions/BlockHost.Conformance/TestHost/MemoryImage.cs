// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Conformance.TestHost;

/// <summary>
/// Sparse storage in memory that outlives the nodes opened on it. With <see cref="TrackDurability"/> it keeps apart
/// what has been flushed from what a power cut may still take away. Thread safe; no allocation where a page exists.
/// </summary>
public sealed class MemoryImage
{
    private const int PageSize = 64 * 1024;

    private readonly Lock _lock = new();
    private readonly Dictionary<long, byte[]> _pages = [];
    private readonly List<PendingChange> _pending = [];
    private MemoryImage? _durable;
    private long _length;

    public MemoryImage(long length = 0) => _length = length;

    public MemoryImage(ReadOnlySpan<byte> content)
        : this(content.Length) => WriteCore(0, content);

    /// <summary>Length in bytes.</summary>
    public long Length
    {
        get
        {
            lock (_lock)
                return _length;
        }
    }

    /// <summary>A write past the end grows the image.</summary>
    public bool Growable { get; init; } = true;

    /// <summary>
    /// Keep a log of what is not flushed yet, for <see cref="AfterPowerCut"/>. What is stored now counts as flushed.
    /// </summary>
    public bool TrackDurability
    {
        get => _durable is not null;
        set
        {
            lock (_lock)
            {
                _durable = value ? CloneCore() : null;
                _pending.Clear();
            }
        }
    }

    /// <summary>Changes that are not flushed yet.</summary>
    public int PendingChanges
    {
        get
        {
            lock (_lock)
                return _pending.Count;
        }
    }

    /// <summary>Reads past the end give zeroes.</summary>
    public void Read(long offset, IoSlice target)
    {
        lock (_lock)
        {
            foreach (var segment in target)
            {
                ReadCore(offset, segment.Span);
                offset += segment.Length;
            }
        }
    }

    public byte[] Read(long offset, int bytes)
    {
        var data = new byte[bytes];
        Read(offset, data);
        return data;
    }

    /// <exception cref="BlockException"><see cref="BlockErrorKind.OutOfRange"/> past the end of an image that cannot
    /// grow.</exception>
    public void Write(long offset, IoSlice source)
    {
        lock (_lock)
        {
            RequireRoom(offset, source.Length);
            if (_durable is not null)
                Log(offset, source);
            foreach (var segment in source)
            {
                WriteCore(offset, segment.Span);
                offset += segment.Length;
            }
        }
    }

    public void WriteZeroes(long offset, long bytes)
    {
        lock (_lock)
        {
            RequireRoom(offset, bytes);
            if (_durable is not null)
                _pending.Add(new PendingChange(offset, Data: null, bytes));
            ZeroCore(offset, bytes);
            _length = Math.Max(_length, offset + bytes);
        }
    }

    public void Resize(long length)
    {
        lock (_lock)
        {
            if (_durable is not null)
                _pending.Add(new PendingChange(Offset: -1, Data: null, length));
            ResizeCore(length);
        }
    }

    /// <summary>All that was written so far survives a power cut.</summary>
    public void Flush()
    {
        lock (_lock)
        {
            if (_durable is null)
                return;
            foreach (var change in _pending)
                change.ApplyTo(_durable);
            _pending.Clear();
        }
    }

    /// <summary>The longest run from <paramref name="offset"/> that is stored or not stored throughout.</summary>
    public (bool Stored, long Bytes) GetRun(long offset, long bytes)
    {
        lock (_lock)
        {
            var end = Math.Min(offset + bytes, _length);
            var stored = _pages.ContainsKey(offset / PageSize);
            var run = (offset / PageSize + 1) * PageSize;
            while (run < end && _pages.ContainsKey(run / PageSize) == stored)
                run += PageSize;
            return (stored, Math.Max(Math.Min(run, end) - offset, 0));
        }
    }

    /// <summary>A copy with the present content; it does not track durability.</summary>
    public MemoryImage Clone()
    {
        lock (_lock)
            return CloneCore();
    }

    /// <summary>What a power cut could leave now: everything flushed, and of the rest any part.</summary>
    public MemoryImage AfterPowerCut(Random random)
    {
        lock (_lock)
        {
            var image = (_durable ?? throw new InvalidOperationException("The image does not track durability")).CloneCore();
            foreach (var change in _pending)
            {
                if (random.Next(2) == 0)
                    change.ApplyTo(image);
            }

            return image;
        }
    }

    private MemoryImage CloneCore()
    {
        var clone = new MemoryImage(_length) { Growable = Growable };
        foreach (var (index, page) in _pages)
            clone._pages.Add(index, [.. page]);
        return clone;
    }

    private void RequireRoom(long offset, long bytes)
    {
        if (!Growable && offset + bytes > _length)
            throw new BlockException(
                BlockErrorKind.OutOfRange, $"Write of {bytes} bytes at {offset} is past the end ({_length})");
    }

    private void Log(long offset, IoSlice source)
    {
        var data = new byte[source.Length];
        source.CopyTo(data);
        _pending.Add(new PendingChange(offset, data, data.Length));
    }

    private void ReadCore(long offset, Span<byte> target)
    {
        while (!target.IsEmpty)
        {
            var (index, start) = Math.DivRem(offset, PageSize);
            var part = target[..Math.Min(target.Length, PageSize - (int)start)];
            if (_pages.TryGetValue(index, out var page))
                page.AsSpan((int)start, part.Length).CopyTo(part);
            else
                part.Clear();
            offset += part.Length;
            target = target[part.Length..];
        }
    }

    private void WriteCore(long offset, ReadOnlySpan<byte> source)
    {
        _length = Math.Max(_length, offset + source.Length);
        while (!source.IsEmpty)
        {
            var (index, start) = Math.DivRem(offset, PageSize);
            var part = source[..Math.Min(source.Length, PageSize - (int)start)];
            if (!_pages.TryGetValue(index, out var page))
                _pages.Add(index, page = new byte[PageSize]);
            part.CopyTo(page.AsSpan((int)start));
            offset += part.Length;
            source = source[part.Length..];
        }
    }

    private void ZeroCore(long offset, long bytes)
    {
        while (bytes > 0)
        {
            var (index, start) = Math.DivRem(offset, PageSize);
            var part = (int)Math.Min(bytes, PageSize - start);
            if (part == PageSize)
                _pages.Remove(index);
            else if (_pages.TryGetValue(index, out var page))
                page.AsSpan((int)start, part).Clear();
            offset += part;
            bytes -= part;
        }
    }

    private void ResizeCore(long length)
    {
        if (length < _length)
            ZeroCore(length, _length - length);
        _length = length;
    }

    /// <summary>A write, a zeroing (no data), or a change of length (offset -1).</summary>
    private readonly record struct PendingChange(long Offset, byte[]? Data, long Bytes)
    {
        public void ApplyTo(MemoryImage image)
        {
            if (Offset < 0)
            {
                image.ResizeCore(Bytes);
                return;
            }

            if (Data is not null)
                image.WriteCore(Offset, Data);
            else
                image.ZeroCore(Offset, Bytes);
            image._length = Math.Max(image._length, Offset + Bytes);
        }
    }
}
