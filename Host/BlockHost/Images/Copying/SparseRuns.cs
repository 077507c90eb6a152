// SPDX-License-Identifier: MIT
namespace BlockHost.Images.Copying;

/// <summary>
/// Which parts of a buffer are worth writing. A buffer is cut into runs: zeroes at its head are a hole however short,
/// and a run of data swallows the zeroes within it that are shorter than the least hole.
/// <code>
///   0 0 d d 0 d d 0 0 0 0 d      least hole: 2
///   |hole|——— data ———|hole |d|
/// </code>
/// </summary>
internal readonly record struct SparseRuns
{
    private const int Sector = 512;

    private readonly long _minHole;
    private readonly long _alignment;

    /// <param name="minHole">Bytes of the least hole.</param>
    /// <param name="targetAlignment">Runs end at multiples of this, as the target would have to read what it only partly
    /// writes.</param>
    public SparseRuns(long minHole, long targetAlignment)
    {
        _minHole = minHole;
        var hole = (long)System.Numerics.BitOperations.RoundUpToPowerOf2((ulong)minHole);
        _alignment = Math.Max(hole > minHole ? hole / 2 : hole, Math.Max(Sector, targetAlignment));
    }

    /// <summary>Length of the run at the head of <paramref name="data"/>, whole sectors long but for the last.</summary>
    /// <param name="offset">Where the data is to be written.</param>
    public int Next(ReadOnlySpan<byte> data, long offset, out bool isHole)
    {
        var run = Aligned(data, offset, out isHole);
        if (isHole)
            return run;
        var used = run;
        for (var seen = run; seen < data.Length; seen += run)
        {
            run = Aligned(data[seen..], offset + seen, out var isZero);
            if (!isZero)
                used = seen + run;
            else if (run >= Math.Min(_minHole, data.Length))
                break;
        }

        return used;
    }

    /// <summary>A run of sectors that are all zero or all not, its end moved to the alignment in favour of data.</summary>
    private int Aligned(ReadOnlySpan<byte> data, long offset, out bool isZero)
    {
        var run = Run(data, out isZero);
        if (run == data.Length)
            return run;
        var tail = (offset + run) & (_alignment - 1);
        if (tail == 0)
            return run;
        if (isZero && run <= tail)
            isZero = false;
        return isZero ? (int)(run - tail) : (int)Math.Min(data.Length, run + _alignment - tail);
    }

    private static int Run(ReadOnlySpan<byte> data, out bool isZero)
    {
        var firstByte = data.IndexOfAnyExcept((byte)0);
        var zeroes = firstByte < 0 ? data.Length : firstByte / Sector * Sector;
        isZero = zeroes > 0;
        if (isZero)
            return zeroes;
        var at = Math.Min(Sector, data.Length);
        while (at < data.Length && data.Slice(at, Math.Min(Sector, data.Length - at)).ContainsAnyExcept((byte)0))
            at += Sector;
        return Math.Min(at, data.Length);
    }
}
