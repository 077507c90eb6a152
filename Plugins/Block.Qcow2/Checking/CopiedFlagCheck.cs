// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Checking;

/// <summary>
/// The COPIED flag of active entries says "refcount is one". Where it lies, a write would go in place into a cluster
/// that a snapshot shares.
/// </summary>
internal sealed class CopiedFlagCheck(Qcow2Image image, CheckReport report, bool repair)
{
    private readonly ClusterGeometry _geometry = image.Geometry;
    private readonly RefcountReader _recorded = new(image);
    private readonly bool _hasDataFile = image.Header.Current.HasDataFile;

    public async ValueTask RunAsync(CancellationToken cancellationToken)
    {
        using var buffer = image.Buffers.Rent(_geometry.ClusterSize);
        var table = buffer.Memory[.._geometry.ClusterSize];
        for (var i = 0; i < image.L1.Count; i++)
        {
            var entry = new L1Entry(image.L1[i]);
            if (entry.TableOffset == 0) continue;
            cancellationToken.ThrowIfCancellationRequested();
            if (await RefcountAsync(entry.TableOffset).ConfigureAwait(false) is not { } refcount) continue;
            if (refcount == 1 != entry.Copied)
            {
                Found($"OFLAG_COPIED L2 cluster: l1_index={i} l1_entry={entry.Raw:x} refcount={refcount}");
                if (repair) image.L1.Set(i, entry.Raw ^ L1Entry.CopiedBit);
            }
            await image.File.ReadAsync(entry.TableOffset, table, cancellationToken: cancellationToken).ConfigureAwait(false);
            await CheckTableAsync(entry.TableOffset, table).ConfigureAwait(false);
        }
    }

    private async ValueTask CheckTableAsync(long offset, Memory<byte> table)
    {
        if (!table.Span.ContainsAnyExcept((byte)0)) return;
        var changed = 0;
        for (var at = 0; at < table.Length; at += _geometry.L2EntrySize)
        {
            at += await SkipRightAsync(table, at / _geometry.L2EntrySize).ConfigureAwait(false) * _geometry.L2EntrySize;
            if (at == table.Length) break;
            var entry = new L2Entry(BinaryPrimitives.ReadUInt64BigEndian(table.Span[at..]));
            if (entry.Compressed || (entry.HostOffset == 0 && !(_hasDataFile && entry.Copied))) continue;
            var known = _hasDataFile ? 1 : await RefcountAsync(entry.HostOffset).ConfigureAwait(false);
            if (known is not { } refcount || refcount == 1 == entry.Copied) continue;
            Found($"OFLAG_COPIED data cluster: l2_entry={entry.Raw:x} refcount={refcount}");
            if (!repair) continue;
            BinaryPrimitives.WriteUInt64BigEndian(table.Span[at..], entry.Raw ^ L2Entry.CopiedBit);
            changed++;
        }
        if (changed > 0) await WriteAsync(offset, table, changed).ConfigureAwait(false);
    }

    /// <summary>Entries from one on that name clusters of one reference, and say so, as far as one look reaches.</summary>
    private async ValueTask<int> SkipRightAsync(Memory<byte> table, int index)
    {
        var run = _geometry.ExtendedL2 || _hasDataFile ? 0 : PlainRun.LengthAt(table.Span, index, _geometry);
        if (run == 0) return 0;
        var first = new L2Entry(BinaryPrimitives.ReadUInt64BigEndian(table.Span[(index * sizeof(ulong))..]));
        if (!first.Copied
            || await _recorded.GetRunAsync(
                _geometry.ClusterIndex(first.HostOffset)).ConfigureAwait(false) is not { } counts) return 0;
        return counts.CountEqual(0, run, 1);
    }

    private async ValueTask WriteAsync(long offset, Memory<byte> table, int changed)
    {
        try
        {
            await image.WriteTableAsync(offset, table, isActive: true).ConfigureAwait(false);
        }
        catch (BlockException e)
        {
            report.CheckError($"ERROR: Could not write L2 table: {e.Message}");
            report.Counts = report.Counts with
            {
                Corruptions = report.Counts.Corruptions + changed,
                CorruptionsFixed = report.Counts.CorruptionsFixed - changed,
            };
        }
    }

    private void Found(string what)
    {
        if (repair)
        {
            report.Note($"Repairing {what}");
            report.CorruptionFixed();
        }
        else
        {
            report.Corruption($"ERROR {what}");
        }
    }

    private ValueTask<ulong?> RefcountAsync(long hostOffset) => _recorded.GetAsync(_geometry.ClusterIndex(hostOffset));
}
