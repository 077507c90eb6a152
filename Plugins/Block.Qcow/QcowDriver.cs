// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Crypto.Keys;
using BlockHost.Crypto.Sectors;
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

    public override IReadOnlyList<string> StrongOptions => ["encrypt.key-secret"];

    protected override JsonTypeInfo<QcowOptions> TypedOptionsType => QcowJson.Default.QcowOptions;

    /// <summary>The backing file that the header records.</summary>
    public static BackingFileReference? RecordedOf(QcowImage image) =>
        image.BackingName is { Length: > 0 } name ? new BackingFileReference(name, null) : null;

    /// <summary>Command lines name a secret and leave the format to the image.</summary>
    public override JsonElement Modernise(JsonElement options) =>
        KeySecretOption.Modernise(options, QcowJson.Default.JsonObject);

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
        var cipher = OpenCipher(context, header, options);
        try
        {
            return await OpenAsync(context, options, file, header, cipher, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            cipher?.Dispose();
            throw;
        }
    }

    private static async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context,
        QcowOptions options,
        IBlockChild file,
        QcowHeader header,
        DiskCipher? cipher,
        CancellationToken cancellationToken)
    {
        var name = await ReadNameAsync(file, header, cancellationToken).ConfigureAwait(false);
        var image = new QcowImage(file, header, context.Host.Buffers) { BackingName = name, Cipher = cipher };
        if (!context.ReadOnly)
            await image.Tables.SurveyAsync(cancellationToken).ConfigureAwait(false);
        image.Backing = await context.OpenBackingAsync(
            options.Backing, RecordedOf(image), cancellationToken).ConfigureAwait(false);
        return new QcowNode(context, image);
    }

    /// <returns>Null: the image is not encrypted.</returns>
    private static DiskCipher? OpenCipher(IBlockNodeContext context, QcowHeader header, QcowOptions options)
    {
        if (header.Crypt == CryptMethod.None && options.Encrypt is not null)
            throw new BlockException(
                BlockErrorKind.InvalidArgument, "No encryption in image header, but options specified format 'aes'");
        if (header.Crypt == CryptMethod.None)
            return null;
        var secret = options.Encrypt?.KeySecret ?? options.EncryptKeySecret;
        if (Secrets.AreLeftOut(context, secret))
            return new DiskCipher(null);
        var password = Secrets.Require(context, secret, "encrypt.key-secret");
        return new DiskCipher(LegacyAes.Create(password.Span));
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
