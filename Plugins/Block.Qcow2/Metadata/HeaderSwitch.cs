// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>
/// Splits the change of a header cluster into steps, with a barrier after each, so that a power cut leaves the old header
/// or the new one. Only a sector is written whole or not at all, so each step that counts is one of the first sector.
/// </summary>
/// <remarks>
/// <code>
/// new parts behind the old header   : tail ─barrier─► first sector
/// new header within the first sector: first sector ─barrier─► tail
/// both use the tail                 : backing name, aside ─► first sector without feature names ─► tail
///                                     ─► first sector ─► what lies aside is cleared
/// </code>
/// </remarks>
internal static class HeaderSwitch
{
    private const int SectorSize = 512;

    /// <returns>For each step, the sectors to write, by their offsets; null: there is no way that is safe.</returns>
    public static List<List<PendingWrite>>? SafePlan(byte[] from, byte[] to, Qcow2Header next)
    {
        var tail = Changed(from, to, SectorSize);
        var first = Changed(from, to, 0, SectorSize);
        if (tail.Count == 0 || first.Count == 0) return [[.. first, .. tail]];
        if (UsedBytes(from) <= tail[0].Offset) return [tail, first];
        if (UsedBytes(to) <= SectorSize) return [first, tail];
        var asideAt = (Math.Max(UsedBytes(from), UsedBytes(to)) + SectorSize - 1) & ~(SectorSize - 1);
        return Aside(from, asideAt, next) is { } aside
            ?
            [
                Changed(from, aside, SectorSize),
                [Sector(aside, 0)],
                Changed(aside, to, SectorSize, asideAt),
                [Sector(to, 0)],
                Changed(aside, to, asideAt),
            ]
            : null;
    }

    /// <summary>All at once.</summary>
    public static List<List<PendingWrite>> UnsafePlan(byte[] from, byte[] to) => [Changed(from, to, 0)];

    /// <summary>The new header without what is only a courtesy, its backing name where neither header has anything.</summary>
    private static byte[]? Aside(byte[] from, int nameAt, Qcow2Header next)
    {
        if (nameAt + Qcow2Header.MaxBackingFileName > from.Length) return null;
        var aside = HeaderWriter.Write(next.WithExtension(HeaderExtension.FeatureNames, null), nameAt);
        if (ExtensionsEnd(aside) > SectorSize) return null;

        // What the old header has in its tail stays until the first sector has changed.
        from.AsSpan(SectorSize, nameAt - SectorSize).CopyTo(aside.AsSpan(SectorSize));
        return aside;
    }

    private static List<PendingWrite> Changed(byte[] from, byte[] to, int start, int end = int.MaxValue)
    {
        var changed = new List<PendingWrite>();
        for (var at = start; at < Math.Min(end, to.Length); at += SectorSize)
        {
            if (!to.AsSpan(at, SectorSize).SequenceEqual(from.AsSpan(at, SectorSize))) changed.Add(Sector(to, at));
        }
        return changed;
    }

    private static PendingWrite Sector(byte[] cluster, int at) => new(at, cluster.AsSpan(at, SectorSize).ToArray());

    private static int UsedBytes(byte[] cluster)
    {
        var name = (long)BinaryPrimitives.ReadUInt64BigEndian(cluster.AsSpan(8));
        var nameEnd = name == 0 ? 0 : name + BinaryPrimitives.ReadUInt32BigEndian(cluster.AsSpan(16));
        return (int)Math.Clamp(Math.Max(ExtensionsEnd(cluster), nameEnd), 0, cluster.Length);
    }

    private static long ExtensionsEnd(byte[] cluster)
    {
        var at = BinaryPrimitives.ReadUInt32BigEndian(cluster.AsSpan(4)) == 2
            ? Qcow2Header.Version2Length
            : (long)BinaryPrimitives.ReadUInt32BigEndian(cluster.AsSpan(100));
        while (at + 8 <= cluster.Length && BinaryPrimitives.ReadUInt32BigEndian(cluster.AsSpan((int)at)) != HeaderExtension.End)
            at += 8 + ((BinaryPrimitives.ReadUInt32BigEndian(cluster.AsSpan((int)at + 4)) + 7L) & ~7L);
        return at + 8;
    }
}
