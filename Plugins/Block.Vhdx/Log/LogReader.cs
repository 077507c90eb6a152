// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;
using BlockHost.Plugins.Block.Vhdx.Format;

namespace BlockHost.Plugins.Block.Vhdx.Log;

/// <summary>
/// Finds what of the log has to be done again ([MS-VHDX] 2.3.3): the entries from the tail of the youngest one up to it, each
/// whole, each in the ring behind the one before.
/// <code>
///   … │ half overwritten │ 7, tail 7 │ 8, tail 7 │ 9, tail 8 │ half written │ …        8 and 9 are
/// </code>
/// </summary>
internal sealed class LogReader(LogRing ring, Guid logId, IIoBufferPool buffers)
{
    private const int ChunkSize = 1 << 18;

    /// <summary>Whole entries lie side by side: who makes us read the ring more often than this has made it for that.</summary>
    private const int MostPasses = 4;

    private long _checked;

    /// <summary>Oldest first; none where there is nothing to do.</summary>
    public async ValueTask<IReadOnlyList<LogEntry>> FindActiveAsync(CancellationToken cancellationToken)
    {
        var entries = await FindHeadersAsync(cancellationToken).ConfigureAwait(false);
        entries.Sort((a, b) => b.Sequence.CompareTo(a.Sequence));
        var byEnd = new Dictionary<(long End, ulong Next), LogEntry>();
        foreach (var entry in entries)
            byEnd.TryAdd(((entry.Position + entry.Length) % ring.Length, entry.Sequence + 1), entry);
        foreach (var head in entries)
        {
            if (await FollowAsync(head, byEnd, cancellationToken).ConfigureAwait(false) is { } found)
                return found;
        }

        return [];
    }

    /// <summary>Goes back from an entry to its tail.</summary>
    /// <returns>Null: something on the way is missing or damaged.</returns>
    private async ValueTask<List<LogEntry>?> FollowAsync(
        LogEntry head, Dictionary<(long End, ulong Next), LogEntry> byEnd, CancellationToken cancellationToken)
    {
        var found = new List<LogEntry>();
        long bytes = 0;
        for (var entry = head; entry is not null; entry = byEnd.GetValueOrDefault((entry.Position, entry.Sequence)))
        {
            bytes += entry.Length;
            if (bytes > ring.Length || !await IsWholeAsync(entry, cancellationToken).ConfigureAwait(false))
                return null;
            found.Add(entry);
            if (entry.Position != head.Tail)
                continue;
            found.Reverse();
            return found;
        }

        return null;
    }

    private async ValueTask<List<LogEntry>> FindHeadersAsync(CancellationToken cancellationToken)
    {
        var found = new List<LogEntry>();
        using var buffer = buffers.Rent(ChunkSize);
        for (long position = 0; position < ring.StoredLength; position += ChunkSize)
        {
            var chunk = buffer.Memory[..(int)Math.Min(ChunkSize, ring.Length - position)];
            await ring.ReadAsync(position, chunk, cancellationToken).ConfigureAwait(false);
            for (var at = 0; at < chunk.Length; at += LogFormat.SectorSize)
            {
                if (LogEntry.TryRead(chunk.Span[at..], position + at, ring.Length, out var entry) && entry.LogId == logId)
                    found.Add(entry);
            }
        }

        return found;
    }

    private async ValueTask<bool> IsWholeAsync(LogEntry entry, CancellationToken cancellationToken)
    {
        _checked += entry.Length;
        if (_checked > MostPasses * ring.Length)
            throw VhdxFault.Invalid(ring.File);
        return await HasRightChecksumAsync(entry, cancellationToken).ConfigureAwait(false)
            && await new LogWalk(ring, entry).RunAsync(apply: null, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<bool> HasRightChecksumAsync(LogEntry entry, CancellationToken cancellationToken)
    {
        uint state = 0;
        uint stored = 0;
        using var buffer = buffers.Rent(ChunkSize);
        for (long done = 0; done < entry.Length; done += ChunkSize)
        {
            var chunk = buffer.Memory[..(int)Math.Min(ChunkSize, entry.Length - done)];
            await ring.ReadAsync(entry.Position + done, chunk, cancellationToken).ConfigureAwait(false);
            if (done == 0)
                stored = BinaryPrimitives.ReadUInt32LittleEndian(chunk.Span[4..]);
            state = done == 0 ? Checksum.AddFirst(chunk.Span) : Checksum.Add(state, chunk.Span);
        }

        return Checksum.Finish(state) == stored;
    }
}
