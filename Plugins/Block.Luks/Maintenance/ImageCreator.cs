// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Crypto.Keys;
using BlockHost.Crypto.Luks;

namespace BlockHost.Plugins.Block.Luks.Maintenance;

/// <summary>Makes new images: room for header and disk, and then the header, whose one slot becomes active last.</summary>
internal sealed class ImageCreator : IImageCreator
{
    public JsonTypeInfo CreateOptionsType => LuksJson.Default.LuksCreateOptions;

    public IReadOnlyList<CreateOption> CreateOptions => OptionTables.Create;

    public async ValueTask CreateAsync(IImageCreateContext context, JsonElement options, CancellationToken cancellationToken)
    {
        var typed = options.Deserialize(LuksJson.Default.LuksCreateOptions)!;
        if (typed.Size < 0)
            throw new BlockException(ParameterFault.OutOfRange("size", "a non-negative number below 2^64"));
        var file = await context.OpenStorageAsync(typed.File, cancellationToken).ConfigureAwait(false);
        var headerFile = typed.Header is { } reference
            ? await context.OpenStorageAsync(reference, cancellationToken).ConfigureAwait(false)
            : null;
        var password = Secrets.Require(context.Host.Objects, typed.KeySecret, "key-secret");
        using var creation = new LuksCreation(typed);
        await MakeRoomAsync(file, headerFile, creation.HeaderBytes, typed, cancellationToken).ConfigureAwait(false);
        var area = new LuksArea(headerFile ?? file, isDetached: headerFile is not null);
        await creation.WriteAsync(area, password, context.Host.Clock, cancellationToken).ConfigureAwait(false);
    }

    private static async ValueTask MakeRoomAsync(
        IBlockChild file,
        IBlockChild? headerFile,
        long headerBytes,
        LuksCreateOptions options,
        CancellationToken cancellationToken)
    {
        var before = headerFile is null ? headerBytes : 0;
        if (options.Size > long.MaxValue - before)
            throw new BlockException(BlockErrorKind.InvalidArgument, "The requested file size is too large", Errno.EFBIG);
        if (headerFile is not null)
            await MakeRoomAsync(headerFile, headerBytes, PreallocationMode.Off, cancellationToken).ConfigureAwait(false);
        await MakeRoomAsync(
            file, before + options.Size, options.Preallocation ?? PreallocationMode.Off, cancellationToken).ConfigureAwait(false);
    }

    private static async ValueTask MakeRoomAsync(
        IBlockChild file, long bytes, PreallocationMode preallocation, CancellationToken cancellationToken)
    {
        await file.ResizeAsync(0, new ResizeOptions(MayExceed: true), cancellationToken).ConfigureAwait(false);
        await file.ResizeAsync(bytes, new ResizeOptions(preallocation, MayExceed: true), cancellationToken).ConfigureAwait(false);
    }
}
