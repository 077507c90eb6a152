// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;

namespace BlockHost.JobTypes.Tests;

/// <summary>
/// One of several guests that use a disk at once. Each has every n-th record to itself; records are small and lie across blocks
/// and clusters, so that neighbours meet in all of them:
/// <code>
///   guest    0   1   2   0   1   2   …
///          |───|───|───|───|───|───|     records of 1536 bytes
///          |───────────|───────────|     units of a bitmap, clusters
/// </code>
/// </summary>
internal sealed class RecordGuest(IBlockBackend disk, int index, int guests)
{
    public const int RecordSize = 1536;
    private const int Unknown = -1;

    private readonly Random _random = new(index);
    private readonly int[] _records = new int[disk.Length / RecordSize];
    private readonly byte[] _buffer = new byte[RecordSize];

    public long Writes { get; private set; }

    public async Task UseUntilAsync(Task end)
    {
        await using var queue = disk.OpenQueue();
        while (!end.IsCompleted)
        {
            await UseAsync(queue);
            Writes++;
        }
    }

    /// <summary>Records of this guest that do not hold what was written last.</summary>
    public IEnumerable<string> Lost(byte[] content)
    {
        for (var record = index; record < _records.Length; record += guests)
        {
            var want = _records[record];
            if (want != Unknown && content.AsSpan(record * RecordSize, RecordSize).ContainsAnyExcept((byte)want))
                yield return $"record {record} of guest {index} at {record * RecordSize}: {want} is not {content[record * RecordSize]}";
        }
    }

    private async Task UseAsync(IBlockQueue queue)
    {
        var record = (_random.Next(_records.Length / guests) * guests) + index;
        var offset = (long)record * RecordSize;
        var (status, holds) = _random.Next(16) switch
        {
            // What a discarded range holds is the image's affair.
            0 => (await queue.DiscardAsync(offset, RecordSize), Unknown),
            1 => (await queue.WriteZeroesAsync(offset, RecordSize, ZeroFlags.MayUnmap), 0),
            2 => (await queue.WriteZeroesAsync(offset, RecordSize, ZeroFlags.None), 0),
            _ => await WriteAsync(queue, offset),
        };
        Assert.True(status.IsOk, $"errno {status.Errno} at {offset}");
        _records[record] = holds;
    }

    private async ValueTask<(IoStatus Status, int Holds)> WriteAsync(IBlockQueue queue, long offset)
    {
        var value = _random.Next(1, 256);
        _buffer.AsSpan().Fill((byte)value);
        // Writes that wait for the disk are under way when others are long over: whatever the job does then, it meets some.
        var flags = _random.Next(2) == 0 ? WriteFlags.Fua : WriteFlags.None;
        return (await queue.WriteAsync(offset, _buffer, flags), value);
    }
}
