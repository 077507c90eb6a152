// SPDX-License-Identifier: MIT
using System.Collections;
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Graph;

namespace BlockHost.Formats.Testing;

/// <summary>A bitmap by itself, in a plain array of bits: what a store needs of one.</summary>
public sealed class PlainBitmap(string name, long length, long granularity) : IDirtyBitmap
{
    private readonly BitArray _units = new((int)((length + granularity - 1) / granularity));

    public string? Name => name;

    public long Length => length;

    public long Granularity => granularity;

    public bool Enabled { get; set; } = true;

    public bool IsRecording => Enabled;

    public bool IsPersistent { get; set; } = true;

    public bool IsBusy => false;

    public bool IsInconsistent => false;

    public bool IsReadOnly => false;

    public long DirtyBytes => Bits.Count(bit => bit) * granularity;

    public IGraphNode Node => throw new NotSupportedException();

    public IEnumerable<bool> Bits => _units.Cast<bool>();

    /// <summary>The bits as text, to be compared and kept.</summary>
    public string Text => string.Concat(Bits.Select(bit => bit ? '1' : '0'));

    public static PlainBitmap Random(string name, long length, long granularity, Random random)
    {
        var bitmap = new PlainBitmap(name, length, granularity);
        for (var runs = random.Next(6); runs > 0; runs--)
        {
            var offset = random.NextInt64(length);
            bitmap.Set(offset, Math.Min(length - offset, random.NextInt64(length)));
        }

        return bitmap;
    }

    public void Set(long offset, long bytes)
    {
        for (var unit = offset / granularity; unit * granularity < offset + bytes; unit++)
            _units[(int)unit] = true;
    }

    public BitmapUniformity ReadBits(long firstUnit, Span<byte> bits)
    {
        bits.Clear();
        var (all, any) = (true, false);
        for (var i = 0; i < bits.Length * 8 && firstUnit + i < _units.Count; i++)
        {
            var bit = _units[(int)firstUnit + i];
            all &= bit;
            any |= bit;
            if (bit)
                bits[i / 8] |= (byte)(1 << (i % 8));
        }

        return !any ? BitmapUniformity.AllClean : all ? BitmapUniformity.AllDirty : BitmapUniformity.Mixed;
    }

    public void AddBits(long firstUnit, ReadOnlySpan<byte> bits)
    {
        for (var i = 0; i < bits.Length * 8 && firstUnit + i < _units.Count; i++)
        {
            if ((bits[i / 8] >> (i % 8) & 1) != 0)
                _units[(int)firstUnit + i] = true;
        }
    }

    public void Dispose()
    {
    }

    public void RequireUsable(BitmapUse use) => throw new NotSupportedException();

    public bool IsDirty(long offset) => throw new NotSupportedException();

    public DirtyRun GetRun(long offset, long bytes) => throw new NotSupportedException();

    public bool TryFindDirty(long offset, long end, long maxBytes, out DirtyRange range) => throw new NotSupportedException();

    public void Reset(long offset, long bytes) => throw new NotSupportedException();

    public void Clear() => throw new NotSupportedException();

    public void RequireMergeable(IDirtyBitmap source) => throw new NotSupportedException();

    public void Merge(IDirtyBitmap source) => throw new NotSupportedException();

    public IBitmapContent Capture() => throw new NotSupportedException();

    public void Restore(IBitmapContent content) => throw new NotSupportedException();

    public IDisposable Hold() => throw new NotSupportedException();

    public IFrozenBitmap Freeze() => throw new NotSupportedException();
}
