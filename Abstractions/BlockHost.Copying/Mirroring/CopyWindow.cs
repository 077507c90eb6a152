// SPDX-License-Identifier: MIT
namespace BlockHost.Copying.Mirroring;

/// <summary>How much is under way at once.</summary>
/// <param name="CopySize">Bytes of data of one copy at the most: whole units of the dirty bitmap.</param>
/// <param name="BufferSize">Bytes of data of all copies together.</param>
internal readonly record struct CopyWindow(long CopySize, long BufferSize)
{
    private const int MostCopies = 16;
    private const long GoodCopySize = 1 << 20;

    /// <param name="bufferSize">Bytes that all copies together may hold; one unit is always allowed.</param>
    public static CopyWindow For(long bufferSize, long granularity)
    {
        var wanted = Math.Min(bufferSize, Math.Max(bufferSize / MostCopies, GoodCopySize));
        return new(Math.Max(1, wanted / granularity) * granularity, bufferSize);
    }

    /// <summary>Whether one more copy may start.</summary>
    /// <param name="copies">Under way.</param>
    /// <param name="bytes">Of data, under way.</param>
    public bool HasRoom(int copies, long bytes) => copies == 0 || (copies < MostCopies && bytes + CopySize <= BufferSize);
}
