// SPDX-License-Identifier: MIT
using System.Numerics;
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qcow2.Encryption;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Creation;

/// <summary>
/// How large the file of an image to be made would be: QEMU's numbers, with QEMU's idea of which options matter.
/// </summary>
internal sealed class ImageMeasurer : IImageMeasure
{
    public async ValueTask<ImageMeasure> MeasureAsync(
        JsonElement createOptions, IBlockChild? source, CancellationToken cancellationToken)
    {
        var plan = Plan.Read(createOptions);
        var size = plan.RoundedSize(source?.Length ?? plan.Size);
        var required = source is null ? 0
            : plan.HasBacking ? size
            : await AllocatedAsync(source, plan.Geometry, cancellationToken).ConfigureAwait(false);
        if (plan.ReservesData) required = size;
        var full = SpaceNeed.FullyAllocated(plan.Geometry, size) + plan.EncryptionBytes;
        return new ImageMeasure(full - size + required, full)
        {
            Bitmaps = plan.Version >= 3 && source is not null && source.TryGetFacet<IStoredBitmaps>(out var stored)
                ? await BitmapBytesAsync(stored, source.Length, plan.Geometry, cancellationToken).ConfigureAwait(false)
                : null,
        };
    }

    /// <summary>The bitmaps on record that a copy of the image could take along.</summary>
    public static async ValueTask<IReadOnlyList<StoredBitmapSize>> ListStoredAsync(
        Qcow2Image image, CancellationToken cancellationToken)
    {
        var header = image.Header.Current;
        if (!header.Autoclear.HasFlag(AutoclearFeatures.Bitmaps)
            || header.Extension(HeaderExtension.Bitmaps) is not { } extension) return [];
        try
        {
            var bitmaps = BitmapsExtension.Parse(extension.Data, image.Geometry);
            var directory = new byte[bitmaps.DirectorySize];
            await image.File.ReadAsync(
                bitmaps.DirectoryOffset, directory, cancellationToken: cancellationToken).ConfigureAwait(false);
            return [.. BitmapEntry.ParseDirectory(
                directory,
                image.Geometry).Where(b => !b.InUse).Select(b => new StoredBitmapSize(b.GranularityBits, b.PlainSize))];
        }
        catch (Qcow2FormatException e)
        {
            throw e.ToBlockException();
        }
    }

    /// <summary>Bytes of the target's clusters that hold data of the source.</summary>
    private static async ValueTask<long> AllocatedAsync(
        IBlockChild source, ClusterGeometry geometry, CancellationToken cancellationToken)
    {
        const BlockStatusFlags Stored = BlockStatusFlags.Data | BlockStatusFlags.Allocated;
        var required = 0L;
        for (var offset = 0L; offset < source.Length;)
        {
            var status = await source.GetStatusAsync(
                offset, source.Length - offset, StatusPrecision.WantZero, cancellationToken).ConfigureAwait(false);
            var length = status.Bytes;
            if ((status.Flags & BlockStatusFlags.Zero) == 0 && (status.Flags & Stored) == Stored)
            {
                // A cluster counts once, with its first piece of data.
                var end = geometry.ClustersFor(offset + length) << geometry.ClusterBits;
                required += end - geometry.ClusterStart(offset);
                length = end - offset;
            }
            offset += length;
        }
        return required;
    }

    private static async ValueTask<long> BitmapBytesAsync(
        IStoredBitmaps stored, long length, ClusterGeometry geometry, CancellationToken cancellationToken)
    {
        var (clusters, directory) = (0L, 0L);
        foreach (var bitmap in await stored.ListStoredAsync(cancellationToken).ConfigureAwait(false))
        {
            var bits = (length + (1L << bitmap.GranularityBits) - 1) >> bitmap.GranularityBits;
            var content = geometry.ClustersFor((bits + 7) / 8);
            clusters += content + geometry.ClustersFor(content * sizeof(ulong));
            directory += bitmap.DirectoryEntryBytes;
        }
        return (clusters + geometry.ClustersFor(directory)) << geometry.ClusterBits;
    }

    /// <summary>
    /// What of the options changes the size. The others are not looked at, so that they need not be well formed.
    /// </summary>
    private sealed record Plan(
        ClusterGeometry Geometry, int Version, long Size, bool HasBacking, bool ReservesData, long EncryptionBytes)
    {
        public static Plan Read(JsonElement options)
        {
            var clusterSize = Number(options, "cluster-size") ?? 64 << 10;
            var extended = options.TryGetProperty("extended-l2", out var flag) && flag.ValueKind == JsonValueKind.True;
            var bits = ClusterBits(clusterSize, extended);
            var preallocation = ParsePreallocation(Text(options, "preallocation"));
            var hasBacking = !string.IsNullOrEmpty(Text(options, "backing-file"));
            var version = ParseVersion(Text(options, "version"));
            var refcountBits = Number(options, "refcount-bits") ?? 16;
            if (refcountBits is < 1 or > 64 || !BitOperations.IsPow2(refcountBits))
                throw Refuse("Refcount width must be a power of two and may not exceed 64 bits");
            if (version < 3 && refcountBits != 16)
                throw Refuse(
                    "Different refcount widths than 16 bits require compatibility level 1.1 or above (use compat=1.1 or greater)");
            var geometry = new ClusterGeometry(bits, BitOperations.Log2((ulong)refcountBits), extended);
            return new Plan(
                geometry,
                version,
                Number(options, "size") ?? 0,
                hasBacking,
                preallocation is PreallocationMode.Falloc or PreallocationMode.Full,
                MeasureEncryption(options, geometry));
        }

        public long RoundedSize(long size)
        {
            var clusters = Geometry.ClustersFor(size);
            if (((clusters + Geometry.L2Entries - 1) >> Geometry.L2Bits) > ClusterGeometry.MaxL1Bytes / sizeof(ulong))
                throw new BlockException(
                    BlockErrorKind.InvalidArgument, "The image size is too large (try using a larger cluster size)", Errno.EFBIG);
            return clusters << Geometry.ClusterBits;
        }

        private static long MeasureEncryption(JsonElement options, ClusterGeometry geometry)
        {
            if (!options.TryGetProperty("encrypt", out var encrypt) || Text(encrypt, "format") != "luks")
                return 0;
            var luks = (Qcow2LuksCreation)encrypt.Deserialize(Qcow2Json.Default.Qcow2EncryptionCreation)!;
            return luks.KeySecret is not null
                ? EncryptionCreation.HeaderBytes(luks, geometry)
                : throw Refuse("Parameter 'encrypt.key-secret' is required for cipher");
        }

        private static int ClusterBits(long clusterSize, bool extended)
        {
            var bits = ClusterGeometry.BitsOfClusterSize(clusterSize);
            if (bits < 0)
                throw Refuse(
                    $"Cluster size must be a power of two between {1 << ClusterGeometry.MinClusterBits} and {1 << (ClusterGeometry.MaxClusterBits - 10)}k");
            if (extended && bits < ClusterGeometry.MinExtendedL2ClusterBits)
                throw Refuse(
                    $"Extended L2 entries are only supported with cluster sizes of at least {1 << ClusterGeometry.MinExtendedL2ClusterBits} bytes");
            return bits;
        }

        private static PreallocationMode ParsePreallocation(string? name) => name switch
        {
            null or "off" => PreallocationMode.Off,
            "metadata" => PreallocationMode.Metadata,
            "falloc" => PreallocationMode.Falloc,
            "full" => PreallocationMode.Full,
            _ => throw Refuse($"invalid parameter value: {name}"),
        };

        private static int ParseVersion(string? name) => name switch
        {
            null or "v3" => 3,
            "v2" => 2,
            _ => throw Refuse($"Invalid compatibility level: '{name}'"),
        };

        private static long? Number(JsonElement options, string name) =>
            options.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetInt64() : null;

        private static string? Text(JsonElement options, string name) =>
            options.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

        private static BlockException Refuse(string message) => new(BlockErrorKind.InvalidArgument, message);
    }
}

/// <summary>Facet of a node of this driver: the persistent bitmaps its image holds.</summary>
internal interface IStoredBitmaps
{
    ValueTask<IReadOnlyList<StoredBitmapSize>> ListStoredAsync(CancellationToken cancellationToken);
}

/// <summary>What a bitmap's size follows from.</summary>
internal readonly record struct StoredBitmapSize(int GranularityBits, long DirectoryEntryBytes);
