// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Crypto.Keys;
using BlockHost.Plugins.Block.Qcow2.Amending;
using BlockHost.Plugins.Block.Qcow2.Bitmaps;
using BlockHost.Plugins.Block.Qcow2.Checking;
using BlockHost.Plugins.Block.Qcow2.Creation;
using BlockHost.Plugins.Block.Qcow2.Data;
using BlockHost.Plugins.Block.Qcow2.Encryption;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2;

/// <summary>The driver "qcow2".</summary>
internal sealed class Qcow2Driver : BlockDriver<Qcow2Options>, IAmendOptions
{
    private readonly ImageCreator _creator = new();
    private readonly ImageMeasurer _measurer = new();

    public override string FormatName => "qcow2";

    public override BlockDriverKind Kind => BlockDriverKind.Format;

    public override bool SupportsBacking => true;

    public override bool SupportsCompressedWrites => true;

    public override IReadOnlyList<string> StrongOptions => ["encrypt.key-secret"];

    public IReadOnlyList<CreateOption> AmendOptions => AmendOptionTable.All;

    public JsonTypeInfo? AmendOptionsType => Qcow2Json.Default.Qcow2AmendOptions;

    public override JsonTypeInfo? SpecificInfoType => Qcow2Json.Default.ImageInfoSpecificQcow2;

    protected override JsonTypeInfo<Qcow2Options> TypedOptionsType => Qcow2Json.Default.Qcow2Options;

    /// <summary>Command lines name a secret and leave the format to the image.</summary>
    public override JsonElement Modernise(JsonElement options) =>
        KeySecretOption.Modernise(options, Qcow2Json.Default.JsonObject);

    public override int Probe(ReadOnlySpan<byte> head, string? fileName) =>
        head.Length >= 8 && BinaryPrimitives.ReadUInt32BigEndian(head) == Qcow2Header.Magic
            && BinaryPrimitives.ReadUInt32BigEndian(head[4..]) is 2 or 3
            ? 100
            : 0;

    public override bool TryGetFacet<T>([NotNullWhen(true)] out T? facet)
        where T : class
    {
        facet = _creator as T ?? _measurer as T ?? this as T;
        return facet is not null;
    }

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, Qcow2Options options, CancellationToken cancellationToken)
    {
        var file = await context.OpenChildAsync(
            "file", BlockChildRole.Image, options.File, cancellationToken).ConfigureAwait(false);
        try
        {
            var store = await HeaderStore.LoadAsync(file, context.ForRepair, cancellationToken).ConfigureAwait(false);
            var header = store.Current;
            RefuseUnserved(header, context);
            var dataFile = await OpenDataFileAsync(context, options, header, cancellationToken).ConfigureAwait(false);
            var settings = Qcow2SettingsReader.Read(options, header, context) with
            {
                Encryption = await ImageEncryption.OpenAsync(
                    file, header, options, context, cancellationToken).ConfigureAwait(false),
            };
            var image = await Qcow2Image.OpenAsync(
                file, dataFile, store, settings, context.Host.Buffers, cancellationToken).ConfigureAwait(false);
            var node = new Qcow2Node(context, image);
            try
            {
                await new BitmapValidation(image).RunAsync(cancellationToken).ConfigureAwait(false);
                image.Backing = await context.OpenBackingAsync(
                    options.Backing, Recorded(header), cancellationToken).ConfigureAwait(false);
                if (settings.Writable) await PrepareForWritingAsync(image, cancellationToken).ConfigureAwait(false);
                return node;
            }
            catch
            {
                await node.DisposeAsync().ConfigureAwait(false);
                throw;
            }
        }
        catch (Qcow2FormatException e)
        {
            throw e.ToBlockException();
        }
    }

    /// <summary>The user's choice, else the file that the header names.</summary>
    private static async ValueTask<IBlockChild?> OpenDataFileAsync(
        IBlockNodeContext context, Qcow2Options options, Qcow2Header header, CancellationToken cancellationToken)
    {
        var given = options.DataFile is { } reference
            ? await context.OpenChildAsync("data-file", BlockChildRole.Data, reference, cancellationToken).ConfigureAwait(false)
            : null;
        if (!header.HasDataFile && given is not null)
            throw new BlockException(
                BlockErrorKind.InvalidArgument, "'data-file' can only be set for images with an external data file");

        // Whoever looks at metadata alone need not trust the name in the header.
        if (!header.HasDataFile || given is not null || context.NoIo) return given;
        return header.DataFileName is { } name
            ? await context.OpenRecordedFileAsync("data-file", BlockChildRole.Data, name, cancellationToken).ConfigureAwait(false)
            : throw new BlockException(BlockErrorKind.InvalidArgument, "'data-file' is required for this image");
    }

    internal static BackingFileReference? Recorded(Qcow2Header header) =>
        header.BackingFile is { } name ? new BackingFileReference(name, header.BackingFormat) : null;

    /// <summary>What the format has and this driver has not (yet) is named, never guessed at.</summary>
    internal static void RefuseUnserved(Qcow2Header header, IBlockNodeContext context)
    {
        if (header.Compression == CompressionType.Zstd) Zstd.Require();
        if (context.ReadOnly) return;
        if (header.IsCorrupt && !context.ForRepair)
            throw new BlockException(BlockErrorKind.ReadOnly, "qcow2: Image is corrupt; cannot be opened read/write");
    }

    internal static async ValueTask PrepareForWritingAsync(Qcow2Image image, CancellationToken cancellationToken)
    {
        var header = image.Header.Current;

        // Whoever set these bits promised something about the image that our writes could break.
        if ((header.Autoclear & ~AutoclearFeatures.Known) != 0)
            await image.Header.UpdateAsync(
                header with { Autoclear = header.Autoclear & AutoclearFeatures.Known }).ConfigureAwait(false);
        if (!header.IsDirty || image.Settings.ForRepair) return;
        var result = await new ImageChecker(image).CheckAsync(
            CheckRepair.Leaks | CheckRepair.Errors, cancellationToken).ConfigureAwait(false);
        if (result.CheckErrors > 0 || result.Corruptions > 0)
            throw new BlockException(BlockErrorKind.Corrupt, "Could not repair dirty image: Input/output error");
    }
}
