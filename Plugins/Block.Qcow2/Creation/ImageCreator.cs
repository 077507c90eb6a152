// SPDX-License-Identifier: MIT
using System.Numerics;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qcow2.Data;
using BlockHost.Plugins.Block.Qcow2.Encryption;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;
using BlockHost.Plugins.Block.Qcow2.Sizing;

namespace BlockHost.Plugins.Block.Qcow2.Creation;

/// <summary>Makes new images: an empty one of size zero first, which then grows like any other.</summary>
/// <remarks>
/// <code>
/// | header | refcount table | refcount block | L1 table … |     one cluster each, the header written last
/// </code>
/// </remarks>
internal sealed class ImageCreator : IImageCreator
{
    private const int SectorSize = 512;
    private const int InitialClusters = 3;

    public JsonTypeInfo CreateOptionsType => Qcow2Json.Default.Qcow2CreateOptions;

    public IReadOnlyList<CreateOption> CreateOptions => CreateOptionTable.All;

    public async ValueTask CreateAsync(IImageCreateContext context, JsonElement options, CancellationToken cancellationToken)
    {
        Qcow2EncryptionCreation.RequireFormat(options);
        var typed = options.Deserialize(Qcow2Json.Default.Qcow2CreateOptions)!;
        try
        {
            var file = await context.OpenStorageAsync(typed.File, cancellationToken).ConfigureAwait(false);
            if (typed.Size % SectorSize != 0)
                throw new BlockException(BlockErrorKind.InvalidArgument, $"Image size must be a multiple of {SectorSize} bytes");
            var header = Plan(typed);
            if (typed.Encrypt is not null) EncryptionCreation.Require(context, typed.Encrypt);
            if (header.Compression == CompressionType.Zstd) Zstd.Require();
            CheckSize(header, typed.Size);
            var dataFile = await OpenDataFileAsync(context, typed, cancellationToken).ConfigureAwait(false);
            if (dataFile is not null) header = header.WithDataFile(dataFile.FileName);
            await WriteAsync(file, header, cancellationToken).ConfigureAwait(false);
            await ResizeAsync(
                context,
                file,
                dataFile,
                typed,
                cancellationToken).ConfigureAwait(false);
        }
        catch (Qcow2FormatException e)
        {
            throw e.ToBlockException();
        }
    }

    private static void CheckSize(Qcow2Header header, long size)
    {
        try
        {
            _ = header.L1EntriesFor(size);
        }
        catch (Qcow2FormatException e)
        {
            throw new BlockException(
                BlockErrorKind.InvalidArgument,
                "The image size is too large for file format 'qcow2' (try using a larger cluster size)",
                Errno.EFBIG,
                e);
        }
    }

    private static async ValueTask<IBlockChild?> OpenDataFileAsync(
        IImageCreateContext context, Qcow2CreateOptions options, CancellationToken cancellationToken) =>
        options.DataFile is { } reference
            ? await context.OpenStorageAsync(reference, cancellationToken).ConfigureAwait(false)
            : null;

    private static Qcow2Header Plan(Qcow2CreateOptions options)
    {
        var version = options.Version ?? BlockdevQcow2Version.V3;
        var clusterSize = options.ClusterSize ?? 64 << 10;
        var refcountBits = options.RefcountBits ?? 16;
        Check(options, version, clusterSize, refcountBits);
        var compression = (CompressionType)(options.CompressionType ?? Qcow2CompressionType.Zlib);
        var clusterBits = ClusterGeometry.BitsOfClusterSize(clusterSize);
        var header = new Qcow2Header
        {
            Version = (int)version,
            ClusterBits = clusterBits,
            Size = 0,
            L1Entries = 0,
            L1Offset = 0,
            RefcountTableOffset = 1L << clusterBits,
            RefcountTableClusters = 1,
            RefcountOrder = BitOperations.Log2((ulong)refcountBits),
            Compression = compression,
            Incompatible = FeaturesOf(options, compression),
            Autoclear = options.DataFileRaw == true ? AutoclearFeatures.RawExternalData : AutoclearFeatures.None,
            Compatible = options.LazyRefcounts == true ? CompatibleFeatures.LazyRefcounts : CompatibleFeatures.None,
            Extensions = version == BlockdevQcow2Version.V3 ? [FeatureNameTable.Create()] : [],
        };
        return header.WithBacking(options.BackingFile, options.BackingFmt);
    }

    private static IncompatibleFeatures FeaturesOf(Qcow2CreateOptions options, CompressionType compression) =>
        (compression == CompressionType.Zlib ? IncompatibleFeatures.None : IncompatibleFeatures.CompressionType)
        | (options.DataFile is not null ? IncompatibleFeatures.ExternalDataFile : IncompatibleFeatures.None)
        | (options.ExtendedL2 == true ? IncompatibleFeatures.ExtendedL2 : IncompatibleFeatures.None);

    /// <summary>In QEMU's words and order, so that the same mistake reads the same.</summary>
    private static void Check(Qcow2CreateOptions options, BlockdevQcow2Version version, long clusterSize, long refcountBits)
    {
        const string NeedsV3 = "with compatibility level 1.1 and above (use version=v3 or greater)";
        if (options.Size < 0)
            throw Refuse("Image size must not be negative");
        if (ClusterGeometry.BitsOfClusterSize(clusterSize) < 0)
            throw Refuse(
                $"Cluster size must be a power of two between {1 << ClusterGeometry.MinClusterBits} and {1 << (ClusterGeometry.MaxClusterBits - 10)}k");
        if (options.ExtendedL2 == true && version < BlockdevQcow2Version.V3)
            throw Refuse($"Extended L2 entries are only supported {NeedsV3}");
        if (options.ExtendedL2 == true && clusterSize < 1 << ClusterGeometry.MinExtendedL2ClusterBits)
            throw Refuse(
                $"Extended L2 entries are only supported with cluster sizes of at least {1 << ClusterGeometry.MinExtendedL2ClusterBits} bytes");
        if (options.Preallocation is not (null or PreallocationMode.Off) && options.BackingFile is not null
            && options.ExtendedL2 != true)
            throw Refuse("Backing file and preallocation can only be used at the same time if extended_l2 is on");
        if (options.BackingFmt is not null && options.BackingFile is null)
            throw Refuse("Backing format cannot be used without backing file");
        if (options.LazyRefcounts == true && version < BlockdevQcow2Version.V3)
            throw Refuse($"Lazy refcounts only supported {NeedsV3}");
        if (refcountBits is < 1 or > 64 || !BitOperations.IsPow2(refcountBits))
            throw Refuse("Refcount width must be a power of two and may not exceed 64 bits");
        if (version < BlockdevQcow2Version.V3 && refcountBits != 16)
            throw Refuse(
                $"Different refcount widths than 16 bits require compatibility level 1.1 or above (use version=v3 or greater)");
        if (options.DataFileRaw == true && options.DataFile is null)
            throw Refuse("data-file-raw requires data-file");
        if (options.DataFileRaw == true && options.BackingFile is not null)
            throw Refuse("Backing file and data-file-raw cannot be used at the same time");
        if (options.DataFile is not null && version < BlockdevQcow2Version.V3)
            throw Refuse($"External data files are only supported {NeedsV3}");
        if (options.CompressionType is not (null or Qcow2CompressionType.Zlib) && version < BlockdevQcow2Version.V3)
            throw Refuse($"Non-zlib compression type is only supported {NeedsV3}");
    }

    private static async ValueTask WriteAsync(IBlockChild file, Qcow2Header header, CancellationToken cancellationToken)
    {
        var clusterSize = 1 << header.ClusterBits;
        var headerCluster = HeaderWriter.Write(header);

        // An old header must not survive a failure. Storage keeps its length: it may have been preallocated for this image.
        await file.WriteAsync(0, new byte[clusterSize], cancellationToken: cancellationToken).ConfigureAwait(false);
        await file.WriteAsync(
            clusterSize, TableCluster(clusterSize, 2L * clusterSize), cancellationToken: cancellationToken).ConfigureAwait(false);
        var block = new byte[clusterSize];
        for (var i = 0; i < InitialClusters; i++)
            RefcountCodec.Write(block, i, header.RefcountOrder, 1);
        await file.WriteAsync(2L * clusterSize, block, cancellationToken: cancellationToken).ConfigureAwait(false);
        await file.FlushAsync(cancellationToken).ConfigureAwait(false);
        await file.WriteAsync(0, headerCluster, cancellationToken: cancellationToken).ConfigureAwait(false);
        await file.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    private static byte[] TableCluster(int clusterSize, long block)
    {
        var table = new ulong[clusterSize / sizeof(ulong)];
        table[0] = (ulong)block;
        return TopTable.Encode(table);
    }

    private static async ValueTask ResizeAsync(
        IImageCreateContext context,
        IBlockChild file,
        IBlockChild? dataFile,
        Qcow2CreateOptions options,
        CancellationToken cancellationToken)
    {
        try
        {
            await ResizeAsync().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // Without its magic nobody takes the half-made image for a whole one.
            await file.WriteAsync(0, new byte[SectorSize], cancellationToken: CancellationToken.None).ConfigureAwait(false);
            if (e is BlockException failure)
                throw new BlockException(failure.Kind, $"Could not resize image: {e.Message}", failure.Errno, e);
            throw;
        }

        async ValueTask ResizeAsync()
        {
            var store = await HeaderStore.LoadAsync(file, forCheck: false, cancellationToken).ConfigureAwait(false);
            var settings = new Qcow2Settings { Writable = true, L2CacheBytes = 1 << 20 };
            var image = await Qcow2Image.OpenAsync(
                file, dataFile, store, settings, context.Host.Buffers, cancellationToken).ConfigureAwait(false);
            await using (image.ConfigureAwait(false))
            {
                if (options.Encrypt is { } encryption)
                    await EncryptionCreation.RunAsync(context, image, encryption, cancellationToken).ConfigureAwait(false);
                var preallocation = options.Preallocation ?? PreallocationMode.Off;
                await new ImageResizer(image) { KeepDataFile = image.Data.IsRaw }.ResizeAsync(
                    options.Size, new ResizeOptions(preallocation), cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private static BlockException Refuse(string message, BlockErrorKind kind = BlockErrorKind.InvalidArgument) =>
        new(kind, message);
}
