// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Compaction;

/// <summary>Copies clusters from one place of an image file to another.</summary>
internal static class ClusterCopy
{
    private const int PieceBytes = 1 << 20;

    /// <summary>Copies what guests wrote: where a sector's place is part of how it is encrypted, it is encrypted anew.</summary>
    public static async ValueTask RunDataAsync(Qcow2Image image, long first, ClusterRun target)
    {
        if (image.Data.Cipher is not { CountsInFile: true })
        {
            await RunAsync(image, first, target).ConfigureAwait(false);
            return;
        }

        var bits = image.Geometry.ClusterBits;
        image.Guard.CheckWrite(target.First << bits, target.Count << bits);
        using var buffer = image.Buffers.Rent(image.Geometry.ClusterSize);
        for (var i = 0; i < target.Count; i++)
        {
            var cluster = buffer.Memory[..image.Geometry.ClusterSize];
            await image.Data.ReadAsync(
                (first + i) << bits, guestOffset: 0, cluster, ReadFlags.None, CancellationToken.None).ConfigureAwait(false);
            await image.Data.WriteAsync((target.First + i) << bits, guestOffset: 0, cluster).ConfigureAwait(false);
        }
    }

    /// <param name="first">The first cluster to read; as many as there are to write.</param>
    public static async ValueTask RunAsync(Qcow2Image image, long first, ClusterRun target)
    {
        var bits = image.Geometry.ClusterBits;
        var (from, to, bytes) = (first << bits, target.First << bits, target.Count << bits);
        image.Guard.CheckWrite(to, bytes);
        using var buffer = image.Buffers.Rent((int)Math.Min(bytes, PieceBytes));
        for (var done = 0L; done < bytes;)
        {
            var piece = buffer.Memory[..(int)Math.Min(bytes - done, PieceBytes)];
            await image.File.ReadAsync(from + done, piece).ConfigureAwait(false);
            await image.File.WriteAsync(to + done, piece).ConfigureAwait(false);
            done += piece.Length;
        }
    }
}
