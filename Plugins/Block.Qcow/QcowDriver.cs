// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qcow.Format;
using BlockHost.Plugins.Block.Qcow.Maintenance;

namespace BlockHost.Plugins.Block.Qcow;

/// <summary>The driver "qcow".</summary>
internal sealed class QcowDriver : BlockDriver<QcowOptions>
{
    private readonly ImageCreator _creator = new();

    public override string FormatName => "qcow";

    public override BlockDriverKind Kind => BlockDriverKind.Format;

    public override bool SupportsBacking => true;

    public override bool SupportsCompressedWrites => true;

    protected override JsonTypeInfo<QcowOptions> TypedOptionsType => QcowJson.Default.QcowOptions;

    /// <summary>The backing file that the header records.</summary>
    public static BackingFileReference? RecordedOf(QcowImage image) =>
        image.BackingName is { Length: > 0 } name ? new BackingFileReference(name, null) : null;

    public override int Probe(ReadOnlySpan<byte> head, string? fileName) =>
        head.StartsWith(QcowHeader.Magic) && head[4..].StartsWith((ReadOnlySpan<byte>)[0, 0, 0, (byte)QcowHeader.Version])
            ? 100
            : 0;

    public override bool TryGetFacet<T>([NotNullWhen(true)] out T? facet)
        where T : class
    {
        facet = _creator as T ?? this as T;
        return facet is not null;
    }

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, QcowOptions options, CancellationToken cancellationToken)
    {
        var file = await context.OpenChildAsync(
            "file", BlockChildRole.Image, options.File, cancellationToken).ConfigureAwait(false);
        var bytes = new byte[QcowHeader.Size];
        await file.ReadAsync(0, bytes, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        var header = QcowHeader.Parse(bytes);
        HeaderChecks.RequireReadable(header);
        RefuseEncryption(context, header, options.Encrypt);
        var image = new QcowImage(file, header, context.Host.Buffers)
        { BackingName = await ReadNameAsync(file, header, cancellationToken).ConfigureAwait(false) };
        if (!context.ReadOnly)
            await image.Tables.SurveyAsync(cancellationToken).ConfigureAwait(false);
        image.Backing = await context.OpenBackingAsync(
            options.Backing, RecordedOf(image), cancellationToken).ConfigureAwait(false);
        return new QcowNode(context, image);
    }

    private static void RefuseEncryption(IBlockNodeContext context, QcowHeader header, BlockdevQcowEncryption? options)
    {
        if (header.Crypt == CryptMethod.None && options is not null)
            throw new BlockException(
                BlockErrorKind.InvalidArgument, "No encryption in image header, but options specified format 'aes'");
        if (header.Crypt == CryptMethod.None || context.NoIo)
            return;
        throw options?.KeySecret is null
            ? new BlockException(BlockErrorKind.InvalidArgument, "Parameter 'encrypt.key-secret' is required for cipher")
            : new BlockException(BlockErrorKind.NotSupported, "Encryption method 'aes' is not supported");
    }

    private static async ValueTask<string?> ReadNameAsync(
        IBlockChild file, QcowHeader header, CancellationToken cancellationToken)
    {
        if (header.NameOffset == 0)
            return null;
        var bytes = new byte[header.NameLength];
        await file.ReadAsync((long)header.NameOffset, bytes, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        var name = Encoding.UTF8.GetString(bytes).Split('\0')[0];
        return name.Length > 0 ? name : null;
    }
}
