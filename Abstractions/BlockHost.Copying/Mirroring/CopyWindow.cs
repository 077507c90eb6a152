// SPDX-License-Identifier: MIT
namespace BlockHost.Copying.Mirroring;

/// <summary>How much is under way at once.</summary>
/// <param name="CopySize">Bytes of one copy at the most: whole units of the dirty bitmap.</param>
/// <param name="Copies">Copies at the same time.</param>
internal readonly record struct CopyWindow(long CopySize, int Copies)
{
    private const int MostCopies = 16;
    private const long GoodCopySize = 1 << 20;

    /// <param name="bufferSize">Bytes that all copies together may hold; one unit is always allowed.</param>
    public static CopyWindow For(long bufferSize, long granularity)
    {
        var wanted = Math.Min(bufferSize, Math.Max(bufferSize / MostCopies, GoodCopySize));
        var size = Math.Max(1, wanted / granularity) * granularity;
        return new(size, (int)Math.Clamp(bufferSize / size, 1, MostCopies));
    }
}
