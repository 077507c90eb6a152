// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>Bytes on their way to disk: a copy, so that the original can change meanwhile.</summary>
internal readonly record struct PendingWrite(long Offset, byte[] Data, TableSlice? Slice = null)
{
    private const int MaxSegments = 64;

    /// <summary>Writes them in the order of their places, neighbours together.</summary>
    /// <param name="before">Fired before each write.</param>
    public static async ValueTask WriteAllAsync(IBlockChild file, List<PendingWrite> writes, BlkdebugEvent? before = null)
    {
        writes.Sort((a, b) => a.Offset.CompareTo(b.Offset));
        var vector = new IoVector();
        for (var i = 0; i < writes.Count; i++)
        {
            vector.Add(writes[i].Data);
            var end = writes[i].Offset + writes[i].Data.Length;
            if (vector.Count < MaxSegments && i + 1 < writes.Count && writes[i + 1].Offset == end) continue;
            if (before is { } fired) await file.FireAsync(fired).ConfigureAwait(false);
            await file.WriteAsync(end - vector.Length, vector).ConfigureAwait(false);
            vector.Clear();
        }
    }
}
