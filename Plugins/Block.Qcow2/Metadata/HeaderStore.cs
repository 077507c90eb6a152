// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>
/// The header on disk. An update writes only the sectors that change: all fixed fields lie in the first one, so a table
/// switch is a single sector.
/// </summary>
internal sealed class HeaderStore(IBlockChild file, Qcow2Header header, byte[] cluster)
{
    private const int SectorSize = 512;

    private byte[] _cluster = cluster;

    public Qcow2Header Current { get; private set; } = header;

    /// <summary>Reads and checks the header of an image.</summary>
    public static async ValueTask<HeaderStore> LoadAsync(IBlockChild file, CancellationToken cancellationToken)
    {
        var head = new byte[Math.Min(SectorSize, file.Length)];
        await file.ReadAsync(0, head, cancellationToken: cancellationToken).ConfigureAwait(false);
        var clusterSize = HeaderParser.ParseClusterSize(head);
        var cluster = new byte[clusterSize];
        var present = (int)Math.Min(clusterSize, file.Length);
        await file.ReadAsync(0, cluster.AsMemory(0, present), cancellationToken: cancellationToken).ConfigureAwait(false);
        return new HeaderStore(file, HeaderParser.Parse(cluster.AsSpan(0, present)), cluster);
    }

    /// <summary>
    /// Writes a changed header and makes it durable. What it points to must be durable already. Under the metadata lock.
    /// </summary>
    public async ValueTask UpdateAsync(Qcow2Header next)
    {
        var bytes = HasSameLayout(next) ? HeaderWriter.Patch(_cluster, next) : HeaderWriter.Write(next);
        for (var at = 0; at < bytes.Length; at += SectorSize)
        {
            if (bytes.AsSpan(at, SectorSize).SequenceEqual(_cluster.AsSpan(at, SectorSize))) continue;
            await file.WriteAsync(at, bytes.AsMemory(at, SectorSize)).ConfigureAwait(false);
        }
        await file.FlushAsync().ConfigureAwait(false);
        _cluster = bytes;
        Current = next;
    }

    private bool HasSameLayout(Qcow2Header next) =>
        next.Version == Current.Version && next.BackingFile == Current.BackingFile && ReferenceEquals(next.Extensions, Current.Extensions);
}
