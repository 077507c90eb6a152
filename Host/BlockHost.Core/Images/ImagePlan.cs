// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Core.Block;
using BlockHost.Core.Block.Opening;
using BlockHost.Core.Json;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Core.Images;

/// <summary>
/// An image to be made, in this order:
/// <code>
///   storage   the protocol makes the file, or takes what is there
///   files     beside it: those that options name, and those that the format plans
///   format    writes its structure into them; a plain one (raw) has none, and its storage gets the size
/// </code>
/// When that fails, or what the image was made for, the files that were made go away again; those that were there before stay.
/// </summary>
public sealed class ImagePlan
{
    private const int SectorSize = 512;

    private readonly IBlockGraph _graph;
    private readonly IDriverSource _drivers;
    private readonly string _fileName;
    private readonly JsonElement _storage;
    private readonly List<JsonElement> _made = [];

    internal ImagePlan(
        IBlockGraph graph, IDriverSource drivers, string fileName, BlockDriver format, BlockDriver protocol, JsonElement storage)
    {
        (_graph, _drivers, _fileName, Format, Protocol, _storage) = (graph, drivers, fileName, format, protocol, storage);
        FormatOptions = ImageMaker.OptionsOf(format)!;
        ProtocolOptions = ImageMaker.OptionsOfStorage(protocol);
    }

    public BlockDriver Format { get; }

    public BlockDriver Protocol { get; }

    public IReadOnlyList<CreateOption> FormatOptions { get; }

    public IReadOnlyList<CreateOption> ProtocolOptions { get; }

    private bool IsInExistingStorage => Protocol.TryGetFacet<IExistingStorage>(out _);

    /// <param name="size">In bytes; drivers get whole sectors.</param>
    /// <param name="format">Members of the format's branch of BlockdevCreateOptions, but for "driver", "file" and "size".</param>
    /// <param name="storage">Members of the protocol's branch, but for "driver", "size" and where it is.</param>
    /// <exception cref="BlockException">The format or protocol refuses; no file is left that was not there before.</exception>
    public async ValueTask MakeAsync(long size, JsonElement format, JsonElement storage, CancellationToken cancellationToken)
    {
        try
        {
            await MakeAllAsync(
                (long)Math.Min((ulong)size + SectorSize - 1, long.MaxValue) & -SectorSize,
                format,
                storage,
                cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await TakeBackAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Removes the files that were made, to be called when the image has been closed.</summary>
    public async ValueTask TakeBackAsync()
    {
        foreach (var storage in _made)
        {
            using var lease = await _drivers.AcquireAsync(
                JsonObjects.StringMember(storage, "driver")!,
                "taking back an image",
                CancellationToken.None).ConfigureAwait(false);
            if (lease is not null && lease.Driver.TryGetFacet<IFileStore>(out var files))
                await files.DeleteAsync(storage, CancellationToken.None).ConfigureAwait(false);
        }

        _made.Clear();
    }

    private async ValueTask MakeAllAsync(long size, JsonElement format, JsonElement storage, CancellationToken cancellationToken)
    {
        if (Format.Kind == BlockDriverKind.Protocol && !IsInExistingStorage)
        {
            var own = JsonObjects.With(
                JsonObjects.Where(_storage, member => member.Name != "driver"), "driver", Format.FormatName);
            await MakeFileAsync(own, format, size, cancellationToken).ConfigureAwait(false);
            return;
        }

        var isPlain = Format.IsPlain || Format.Kind == BlockDriverKind.Protocol;
        await MakeStorageAsync(isPlain, size, storage, cancellationToken).ConfigureAwait(false);
        if (isPlain)
            return;
        format = await MakeNamedFilesAsync(format, cancellationToken).ConfigureAwait(false);
        format = QmpJson.WriteObject(writer =>
        {
            JsonObjects.CopyMembers(writer, format);
            writer.WriteNumber("size", size);
            writer.WritePropertyName("file");
            _storage.WriteTo(writer);
        });
        format = await MakePlannedFilesAsync(format, cancellationToken).ConfigureAwait(false);
        await _graph.CreateImageAsync(
            JsonObjects.With(format, "driver", Format.FormatName), cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask MakeStorageAsync(bool isPlain, long size, JsonElement options, CancellationToken cancellationToken)
    {
        if (IsInExistingStorage)
        {
            var preallocation = isPlain ? JsonObjects.StringMember(options, "preallocation") : null;
            await ExistingStorage.PrepareAsync(
                _graph, _storage, Protocol, isPlain ? size : 0, preallocation, cancellationToken).ConfigureAwait(false);
            return;
        }

        try
        {
            await MakeFileAsync(_storage, options, isPlain ? size : 0, cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException e) when (e.Parameter is { Kind: ParameterFaultKind.NotAccepted } parameter)
        {
            // Protocols look at their options with other words than formats.
            throw new BlockException(
                BlockErrorKind.InvalidArgument, $"invalid parameter value: {parameter.Detail}", innerException: e);
        }
    }

    /// <summary>Files that options name: the option is then the node that stores the file.</summary>
    private async ValueTask<JsonElement> MakeNamedFilesAsync(JsonElement format, CancellationToken cancellationToken)
    {
        foreach (var option in FormatOptions.Where(option => option.MakesFile))
        {
            if (JsonObjects.StringMember(format, option.Member) is not { } name)
                continue;
            var node = await MakeEmptyFileAsync(name, cancellationToken).ConfigureAwait(false);
            format = JsonObjects.With(JsonObjects.Where(format, member => member.Name != option.Member), option.Member, node);
        }

        return format;
    }

    private async ValueTask<JsonElement> MakePlannedFilesAsync(JsonElement format, CancellationToken cancellationToken)
    {
        if (!Format.TryGetFacet<IImageCreator>(out var creator))
            return format;
        var lists = new Dictionary<string, List<JsonElement>>(StringComparer.Ordinal);
        foreach (var planned in creator.PlanFiles(JsonObjects.StringMember(_storage, "filename") ?? _fileName, format))
        {
            if (!lists.TryGetValue(planned.Member, out var list))
                lists.Add(planned.Member, list = []);
            list.Add(await MakeEmptyFileAsync(planned.FileName, cancellationToken).ConfigureAwait(false));
        }

        return lists.Count == 0 ? format : QmpJson.WriteObject(writer =>
        {
            JsonObjects.CopyMembers(writer, format);
            foreach (var (member, list) in lists)
                WriteList(writer, member, list);
        });
    }

    private static void WriteList(Utf8JsonWriter writer, string member, List<JsonElement> list)
    {
        writer.WriteStartArray(member);
        list.ForEach(node => node.WriteTo(writer));
        writer.WriteEndArray();
    }

    /// <returns>Options of the node that stores the file.</returns>
    private async ValueTask<JsonElement> MakeEmptyFileAsync(string name, CancellationToken cancellationToken)
    {
        var node = await FileNameOptions.ProtocolOptionsAsync(_drivers, name, cancellationToken).ConfigureAwait(false);
        await MakeFileAsync(node, JsonObjects.Empty, 0, cancellationToken).ConfigureAwait(false);
        return node;
    }

    /// <summary>Has a protocol make a file, and keeps in mind one that was not there.</summary>
    private async ValueTask MakeFileAsync(JsonElement node, JsonElement options, long size, CancellationToken cancellationToken)
    {
        var isNew = await IsAbsentAsync(node, cancellationToken).ConfigureAwait(false);
        var where = await LocatedAsync(node, options, cancellationToken).ConfigureAwait(false);
        var create = QmpJson.WriteObject(writer =>
        {
            JsonObjects.CopyMembers(writer, JsonObjects.Where(options, other => !where.TryGetProperty(other.Name, out _)));
            JsonObjects.CopyMembers(writer, where);
            writer.WriteNumber("size", size);
        });
        await _graph.CreateImageAsync(create, cancellationToken).ConfigureAwait(false);
        if (isNew)
            _made.Add(node);
    }

    /// <param name="options">Of the new image; some may be the node's ("location.key-secret").</param>
    /// <returns>The node's options as its driver takes them for a new image.</returns>
    private async ValueTask<JsonElement> LocatedAsync(
        JsonElement node, JsonElement options, CancellationToken cancellationToken)
    {
        var driver = JsonObjects.StringMember(node, "driver")!;
        using var lease = await _drivers.AcquireAsync(driver, "image creation", cancellationToken).ConfigureAwait(false);
        var creator = lease is not null && lease.Driver.TryGetFacet<IImageCreator>(out var facet) ? facet : null;
        if (creator?.LocationMember is not { } member)
            return node;
        return QmpJson.WriteObject(writer =>
        {
            writer.WriteString("driver", driver);
            writer.WriteStartObject(member);
            JsonObjects.CopyMembers(writer, JsonObjects.Where(node, other => other.Name != "driver"));
            if (options.TryGetProperty(member, out var more))
                JsonObjects.CopyMembers(writer, more);
            writer.WriteEndObject();
        });
    }

    private async ValueTask<bool> IsAbsentAsync(JsonElement node, CancellationToken cancellationToken)
    {
        using var lease = await _drivers.AcquireAsync(
            JsonObjects.StringMember(node, "driver")!, "image creation", cancellationToken).ConfigureAwait(false);
        return lease is not null
            && lease.Driver.TryGetFacet<IFileStore>(out var files)
            && !await files.ExistsAsync(node, cancellationToken).ConfigureAwait(false);
    }
}
