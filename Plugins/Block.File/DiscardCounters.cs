// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.File;

/// <summary>QAPI struct BlockStatsSpecificFile.</summary>
internal sealed record DiscardStatistics
{
    public required long DiscardNbOk { get; init; }

    public required long DiscardNbFailed { get; init; }

    public required long DiscardBytesOk { get; init; }
}

/// <summary>Discards by what became of them. What the storage cannot do has failed, though a guest is told nothing.</summary>
internal sealed class DiscardCounters
{
    private long _succeeded;
    private long _failed;
    private long _bytes;

    public DiscardStatistics Current => new()
    {
        DiscardNbOk = Interlocked.Read(ref _succeeded),
        DiscardNbFailed = Interlocked.Read(ref _failed),
        DiscardBytesOk = Interlocked.Read(ref _bytes),
    };

    public void Add(int errno, long bytes)
    {
        if (errno != 0)
        {
            Interlocked.Increment(ref _failed);
            return;
        }

        Interlocked.Increment(ref _succeeded);
        Interlocked.Add(ref _bytes, bytes);
    }
}
