// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Crypto.Keys;
using BlockHost.Crypto.Luks;
using BlockHost.Crypto.Sectors;
using BlockHost.Plugins.Block.Luks.Maintenance;

namespace BlockHost.Plugins.Block.Luks;

/// <summary>The driver "luks".</summary>
internal sealed class LuksDriver : BlockDriver<LuksOptions>, IAmendOptions
{
    private readonly ImageCreator _creator = new();
    private readonly ImageMeasurer _measurer = new();

    public override string FormatName => "luks";

    public override BlockDriverKind Kind => BlockDriverKind.Format;

    public override IReadOnlyList<string> StrongOptions => ["key-secret"];

    public override JsonTypeInfo? SpecificInfoType => LuksJson.Default.LuksInfo;

    public IReadOnlyList<CreateOption> AmendOptions => OptionTables.Amend;

    public JsonTypeInfo? AmendOptionsType => LuksJson.Default.LuksAmendOptions;

    protected override JsonTypeInfo<LuksOptions> TypedOptionsType => LuksJson.Default.LuksOptions;

    public override int Probe(ReadOnlySpan<byte> head, string? fileName) =>
        LuksHeader.HasMagic(head) && head[LuksHeader.Magic.Length..].StartsWith((ReadOnlySpan<byte>)[0, LuksHeader.Version])
            ? 100
            : 0;

    public override bool TryGetFacet<T>([NotNullWhen(true)] out T? facet)
        where T : class
    {
        facet = _creator as T ?? _measurer as T ?? this as T;
        return facet is not null;
    }

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, LuksOptions options, CancellationToken cancellationToken)
    {
        var file = await context.OpenChildAsync(
            "file", BlockChildRole.Image, options.File, cancellationToken).ConfigureAwait(false);
        var headerFile = options.Header is { } reference
            ? await context.OpenChildAsync("header", BlockChildRole.Metadata, reference, cancellationToken).ConfigureAwait(false)
            : null;
        var area = new LuksArea(headerFile ?? file, isDetached: headerFile is not null);
        var header = await area.ReadHeaderAsync(cancellationToken).ConfigureAwait(false);
        var settings = LuksSettings.Parse(header);
        var cipher = Secrets.AreLeftOut(context, options.KeySecret)
            ? null
            : await UnlockAsync(context, options, area, header, settings, cancellationToken).ConfigureAwait(false);
        if (headerFile is null && header.PayloadOffset > file.Length)
        {
            cipher?.Dispose();
            throw new BlockException(BlockErrorKind.Io, "Could not refresh total sector count: Input/output error");
        }

        return new LuksNode(context, file, new LuksImage(area, header, settings), cipher, options.KeySecret);
    }

    private static async ValueTask<SectorCipher> UnlockAsync(
        IBlockNodeContext context,
        LuksOptions options,
        LuksArea area,
        LuksHeader header,
        LuksSettings settings,
        CancellationToken cancellationToken)
    {
        var password = Secrets.Require(context, options.KeySecret, "key-secret");
        using var key = await LuksKeys.UnlockAsync(area, header, settings, password, cancellationToken).ConfigureAwait(false)
            ?? throw new BlockException(BlockErrorKind.PermissionDenied, "Invalid password, cannot unlock any keyslot");
        return SectorCipher.Create(settings.Cipher, key.Span);
    }
}
