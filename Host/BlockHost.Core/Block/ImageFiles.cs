// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Core.Block.Opening;
using BlockHost.Core.Json;

namespace BlockHost.Core.Block;

/// <summary>Makes and opens the images that commands name by file: the protocol makes the file, then the format writes into it.</summary>
public sealed class ImageFiles(IBlockGraph graph, IDriverSource drivers) : IImageFiles
{
    private const int SectorSize = 512;

    private static readonly BackendOptions Unused = new()
    {
        Permissions = BlockPermissionSet.None,
        StaysAtNode = true,
        AllowFileNames = true,
        AllowProbing = true,
    };

    public async ValueTask<IImageFile> OpenAsync(ImageFileOptions options, CancellationToken cancellationToken)
    {
        var made = new NewFile();
        try
        {
            if (options.Mode != NewImageMode.Existing)
                await CreateAsync(options, made, cancellationToken).ConfigureAwait(false);
            var node = BlockdevRef.New(await NodeOptionsAsync(options, cancellationToken).ConfigureAwait(false));
            var backend = await graph.OpenAsync(node, Unused with { NoBacking = options.NoBacking }, cancellationToken).ConfigureAwait(false);
            return new ImageFile(backend, made);
        }
        catch
        {
            made.Remove();
            throw;
        }
    }

    private async ValueTask CreateAsync(ImageFileOptions options, NewFile made, CancellationToken cancellationToken)
    {
        var format = await CreatorAsync(options.Format, options.Backing is not null, cancellationToken).ConfigureAwait(false);
        var storage = await StorageAsync(options.FileName, cancellationToken).ConfigureAwait(false);
        if (options.FileName == options.Backing?.FileName)
            throw new BlockException(BlockErrorKind.InvalidArgument, "Error: Trying to create an image with the same filename as the backing file");
        try
        {
            // What has no structure of its own is all storage.
            var isPlain = format.Kind == BlockDriverKind.Protocol || format.FormatName == "raw";
            var newPath = AbsentFile(storage);
            await graph.CreateImageAsync(WithSize(storage, isPlain ? SizeOf(options) : 0), cancellationToken).ConfigureAwait(false);
            made.Path = newPath;
            if (!isPlain)
                await graph.CreateImageAsync(FormatOptions(options, storage), cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException e) when (e.Errno == Errno.EFBIG)
        {
            throw new BlockException(BlockErrorKind.InvalidArgument, $"The image size is too large for file format '{format.FormatName}'", Errno.EFBIG, e);
        }
    }

    private async ValueTask<BlockDriver> CreatorAsync(string? format, bool hasBacking, CancellationToken cancellationToken)
    {
        var driver = (format is null ? null : await graph.FindDriverAsync(format, cancellationToken).ConfigureAwait(false))
            ?? throw new BlockException(BlockErrorKind.InvalidArgument, $"Unknown file format '{format}'");
        if (!driver.TryGetFacet<IImageCreator>(out var creator))
            throw new BlockException(BlockErrorKind.NotSupported, $"Format driver '{format}' does not support image creation");
        if (hasBacking && creator.CreateOptions.All(option => option.Name != "backing_file"))
            throw new BlockException(BlockErrorKind.NotSupported, $"Backing file not supported for file format '{format}'");
        return driver;
    }

    /// <summary>Options of the node that stores a file, which are also those that make it, but for its size.</summary>
    private async ValueTask<JsonElement> StorageAsync(string fileName, CancellationToken cancellationToken)
    {
        var storage = await FileNameOptions.ProtocolOptionsAsync(drivers, fileName, cancellationToken).ConfigureAwait(false);
        var protocol = JsonObjects.StringMember(storage, "driver")!;
        var driver = await graph.FindDriverAsync(protocol, cancellationToken).ConfigureAwait(false);
        if (driver is null || !driver.TryGetFacet<IImageCreator>(out _))
            throw new BlockException(BlockErrorKind.NotSupported, $"Protocol driver '{protocol}' does not support image creation");
        return storage;
    }

    /// <summary>Whole sectors: drivers take no others.</summary>
    private static long SizeOf(ImageFileOptions options) => (options.Length + SectorSize - 1) & -SectorSize;

    private static JsonElement WithSize(JsonElement storage, long size) => JsonObjects.Write(writer =>
    {
        JsonObjects.CopyMembers(writer, storage);
        writer.WriteNumber("size", size);
    });

    private static JsonElement FormatOptions(ImageFileOptions options, JsonElement storage) => JsonObjects.Write(writer =>
    {
        writer.WriteString("driver", options.Format);
        writer.WritePropertyName("file");
        storage.WriteTo(writer);
        writer.WriteNumber("size", SizeOf(options));
        if (options.Backing is not { } backing)
            return;
        writer.WriteString("backing-file", backing.FileName);
        writer.WriteString("backing-fmt", backing.Driver.FormatName);
    });

    private async ValueTask<JsonElement> NodeOptionsAsync(ImageFileOptions options, CancellationToken cancellationToken)
    {
        var driver = options.Format is { } format ? await graph.FindDriverAsync(format, cancellationToken).ConfigureAwait(false) : null;
        // A format's storage is found by the file's name; a protocol's options are in it.
        var storage = driver?.Kind == BlockDriverKind.Protocol
            ? await FileNameOptions.ProtocolOptionsAsync(drivers, options.FileName, cancellationToken).ConfigureAwait(false)
            : (JsonElement?)null;
        return JsonObjects.Write(writer => WriteNode(writer, options, storage));
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

    /// <summary>The path of a file that does not exist yet; else null.</summary>
    private static string? AbsentFile(JsonElement storage) =>
        JsonObjects.StringMember(storage, "driver") == "file" && JsonObjects.StringMember(storage, "filename") is { } path && !File.Exists(path) ? path : null;

    /// <summary>The file that was made, if one was.</summary>
    private sealed class NewFile
    {
        public string? Path { get; set; }

        public void Remove()
        {
            if (Path is not null)
                File.Delete(Path);
            Path = null;
        }
    }

    private sealed class ImageFile(IBlockBackend backend, NewFile made) : IImageFile
    {
        public IGraphNode Node { get; } = backend.Node;

        public ValueTask DisposeAsync() => backend.DisposeAsync();

        public async ValueTask TakeBackAsync()
        {
            await backend.DisposeAsync().ConfigureAwait(false);
            made.Remove();
        }
    }
}
