// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Core.Block;
using BlockHost.Core.Block.Opening;
using BlockHost.Core.Json;
using BlockHost.Qmp;

namespace BlockHost.Core.Images;

/// <summary>Makes and opens the images that commands name by file.</summary>
public sealed class HostImages(IBlockGraph graph, IDriverSource drivers, ImageMaker maker) : IImages
{
    private static readonly BackendOptions Unused = new()
    {
        Permissions = BlockPermissionSet.None,
        StaysAtNode = true,
        AllowFileNames = true,
        AllowProbing = true,
    };

    public async ValueTask<IImageFile> OpenAsync(ImageFileOptions options, CancellationToken cancellationToken)
    {
        var made = options.Mode == NewImageMode.Existing
            ? null
            : await MakeAsync(options, cancellationToken).ConfigureAwait(false);
        try
        {
            var node = BlockdevRef.New(await NodeOptionsAsync(options, cancellationToken).ConfigureAwait(false));
            var backend = await graph.OpenAsync(
                node, Unused with { NoBacking = options.NoBacking }, cancellationToken).ConfigureAwait(false);
            return new ImageFile(backend, made);
        }
        catch
        {
            await TakeBackAsync(made).ConfigureAwait(false);
            throw;
        }
    }

    public ValueTask<ImageInfo> DescribeAsync(IGraphNode node, bool withBackingChain, CancellationToken cancellationToken) =>
        ImageDescription.OfAsync(node, withBackingChain, cancellationToken);

    private async ValueTask<ImagePlan> MakeAsync(ImageFileOptions options, CancellationToken cancellationToken)
    {
        var plan = await maker.PlanAsync(options.FileName, options.Format, cancellationToken).ConfigureAwait(false);
        if (options.Backing is not null && plan.FormatOptions.All(option => option.Name != "backing_file"))
            throw new BlockException(
                BlockErrorKind.NotSupported, $"Backing file not supported for file format '{options.Format}'");
        if (options.FileName == options.Backing?.FileName)
            throw new BlockException(
                BlockErrorKind.InvalidArgument, "Error: Trying to create an image with the same filename as the backing file");
        try
        {
            await plan.MakeAsync(
                options.Length, FormatOptions(options), JsonObjects.Empty, cancellationToken).ConfigureAwait(false);
            return plan;
        }
        catch (BlockException e) when (e.Errno == Errno.EFBIG)
        {
            throw new BlockException(
                BlockErrorKind.InvalidArgument,
                $"The image size is too large for file format '{options.Format}'",
                Errno.EFBIG,
                e);
        }
    }

    private static JsonElement FormatOptions(ImageFileOptions options) => options.Backing is not { } backing
        ? JsonObjects.Empty
        : QmpJson.WriteObject(writer =>
        {
            writer.WriteString("backing-file", backing.FileName);
            writer.WriteString("backing-fmt", backing.Driver.FormatName);
        });

    private async ValueTask<JsonElement> NodeOptionsAsync(ImageFileOptions options, CancellationToken cancellationToken)
    {
        var driver = options.Format is { } format
            ? await graph.FindDriverAsync(format, cancellationToken).ConfigureAwait(false)
            : null;
        // A format's storage is found by the file's name; a protocol's options are in it.
        var storage = driver?.Kind == BlockDriverKind.Protocol
            ? await FileNameOptions.ProtocolOptionsAsync(drivers, options.FileName, cancellationToken).ConfigureAwait(false)
            : (JsonElement?)null;
        return QmpJson.WriteObject(writer => WriteNode(writer, options, storage));
    }

    private static void WriteNode(Utf8JsonWriter writer, ImageFileOptions options, JsonElement? storage)
    {
        var given = options.Options ?? JsonObjects.Empty;
        if (storage is not null)
            JsonObjects.CopyMembers(writer, storage.Value);
        else
            writer.WriteString("filename", options.FileName);
        if (storage is null && options.Format is { } format)
            writer.WriteString("driver", format);
        if (options.NodeName is { } nodeName)
            writer.WriteString("node-name", nodeName);
        if (options.Like is { } like)
            WriteLike(writer, like.Options, given);
        JsonObjects.CopyMembers(writer, given);
    }

    private static void WriteLike(Utf8JsonWriter writer, JsonElement like, JsonElement given)
    {
        foreach (var name in (ReadOnlySpan<string>)["cache", "discard"])
        {
            if (given.TryGetProperty(name, out _) || !like.TryGetProperty(name, out var value))
                continue;
            writer.WritePropertyName(name);
            value.WriteTo(writer);
        }
    }

    private static ValueTask TakeBackAsync(ImagePlan? made) => made?.TakeBackAsync() ?? ValueTask.CompletedTask;

    private sealed class ImageFile(IBlockBackend backend, ImagePlan? made) : IImageFile
    {
        public IGraphNode Node { get; } = backend.Node;

        public ValueTask DisposeAsync() => backend.DisposeAsync();

        public async ValueTask TakeBackAsync()
        {
            await backend.DisposeAsync().ConfigureAwait(false);
            await HostImages.TakeBackAsync(made).ConfigureAwait(false);
        }
    }
}
