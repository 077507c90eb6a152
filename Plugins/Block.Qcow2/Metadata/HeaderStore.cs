// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>
/// The header on disk. An update writes only the sectors that change: all fixed fields lie in the first one, so a table
/// switch is a single sector; other changes are ordered by <see cref="HeaderSwitch"/>.
/// </summary>
internal sealed class HeaderStore(IBlockChild file, Qcow2Header header, byte[] cluster)
{
    private const int SectorSize = 512;

    private byte[] _cluster = cluster;

    public Qcow2Header Current { get; private set; } = header;

    /// <summary>
    /// Called when a failed update could not be undone: memory and disk may differ, and nothing more may be written.
    /// </summary>
    public Action? Lost { get; set; }

    /// <summary>Reads and checks the header of an image.</summary>
    /// <param name="forCheck">Damage that a check reports is let pass.</param>
    public static async ValueTask<HeaderStore> LoadAsync(IBlockChild file, bool forCheck, CancellationToken cancellationToken)
    {
        var head = new byte[Math.Min(SectorSize, file.Length)];
        await ReadAsync(file, head, cancellationToken).ConfigureAwait(false);
        var clusterSize = HeaderParser.ParseClusterSize(head);
        var cluster = new byte[clusterSize];
        var present = (int)Math.Min(clusterSize, file.Length);
        await ReadAsync(file, cluster.AsMemory(0, present), cancellationToken).ConfigureAwait(false);
        return new HeaderStore(file, HeaderParser.Parse(cluster.AsSpan(0, present), forCheck), cluster);
    }

    private static async ValueTask ReadAsync(IBlockChild file, Memory<byte> target, CancellationToken cancellationToken)
    {
        try
        {
            await file.ReadAsync(0, target, cancellationToken: cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException e) when (e.Kind is BlockErrorKind.Io or BlockErrorKind.NoSpace)
        {
            throw new BlockException(e.Kind, $"Could not read qcow2 header: {ErrnoText.Of(e.Errno)}", e.Errno, e);
        }
    }

    /// <summary>
    /// Writes a changed header and makes it durable. What it points to must be durable already. Under the metadata lock.
    /// </summary>
    public async ValueTask UpdateAsync(Qcow2Header next)
    {
        var bytes = HasSameLayout(next) ? HeaderWriter.Patch(_cluster, next) : HeaderWriter.Write(next);
        var steps = HeaderSwitch.SafePlan(_cluster, bytes, next);
        if (steps is null && next.Extension(HeaderExtension.FeatureNames) is not null)
        {
            // Without what is only a courtesy it may all be in the first sector.
            next = next.WithExtension(HeaderExtension.FeatureNames, null);
            bytes = HeaderWriter.Write(next);
            steps = HeaderSwitch.SafePlan(_cluster, bytes, next);
        }

        steps ??= HeaderSwitch.UnsafePlan(_cluster, bytes);
        try
        {
            foreach (var step in steps)
                await WriteAsync(step).ConfigureAwait(false);
        }
        catch
        {
            await RestoreAsync(steps).ConfigureAwait(false);
            throw;
        }
        _cluster = bytes;
        Current = next;
    }

    /// <summary>The tables in use are those of the old header, so that one must stand on disk again.</summary>
    private async ValueTask RestoreAsync(List<List<PendingWrite>> steps)
    {
        try
        {
            var touched = steps.SelectMany(s => s).Select(w => w.Offset).Distinct();
            await WriteAsync([.. touched.Select(
                at => new PendingWrite(at, _cluster.AsSpan((int)at, SectorSize).ToArray()))]).ConfigureAwait(false);
        }
        catch (BlockException)
        {
            Lost?.Invoke();
        }
    }

    private async ValueTask WriteAsync(List<PendingWrite> sectors)
    {
        foreach (var sector in sectors)
            await file.WriteAsync(sector.Offset, sector.Data).ConfigureAwait(false);
        await file.FlushAsync().ConfigureAwait(false);
    }

    private bool HasSameLayout(Qcow2Header next) =>
        next.Version == Current.Version && next.BackingFile == Current.BackingFile
            && ReferenceEquals(next.Extensions, Current.Extensions);
}
