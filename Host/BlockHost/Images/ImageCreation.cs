// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.CommandLine;
using BlockHost.Composition;
using BlockHost.Qmp;

namespace BlockHost.Images;

/// <summary>
/// Makes a new image file the way the command-line tools do: the protocol makes the file, then the format writes
/// its structure into it. When that fails, or what the image was made for, the files that were made go away again; those
/// that were there before stay.
/// </summary>
internal sealed partial class ImageCreation
{
    private const int SectorSize = 512;

    private readonly ImageOpener _images;
    private readonly string _fileName;
    private readonly BlockDriver _protocol;
    private readonly IReadOnlyList<CreateOption> _formatOptions;
    private readonly IReadOnlyList<CreateOption> _protocolOptions;
    private readonly List<string> _made = [];

    private ImageCreation(ImageOpener images, string fileName, BlockDriver format, BlockDriver protocol)
    {
        _images = images;
        _fileName = fileName;
        Format = format;
        _protocol = protocol;
        _formatOptions = OptionsOf(format);
        _protocolOptions = OptionsOf(protocol);
        Options = new CreateOptionList(_formatOptions.Concat(_protocolOptions));
    }

    public BlockDriver Format { get; }

    public CreateOptionList Options { get; }

    /// <summary>Whole sectors: drivers take no others.</summary>
    private long Size => (long)Math.Min((ulong)(Options.Size ?? 0) + SectorSize - 1, long.MaxValue) & -SectorSize;

    /// <exception cref="ToolException">The format or protocol is unknown or cannot make images.</exception>
    public static async ValueTask<ImageCreation> PlanAsync(ImageOpener images, string fileName, string format, CancellationToken cancellationToken)
    {
        var driver = await images.Graph.FindDriverAsync(format, cancellationToken)
            ?? throw new ToolException($"Unknown file format '{format}'");
        var protocol = await images.ProtocolOfAsync(fileName, cancellationToken);
        if (!driver.TryGetFacet<IImageCreator>(out _) && !driver.TryGetFacet<IExistingStorage>(out _))
            throw new ToolException($"Format driver '{format}' does not support image creation");
        _ = OptionsOfStorage(protocol);
        return new(images, fileName, driver, protocol);
    }

    /// <summary>Options that a protocol has for new images.</summary>
    /// <exception cref="ToolException">It takes none.</exception>
    public static IReadOnlyList<CreateOption> OptionsOfStorage(BlockDriver protocol) =>
        protocol.TryGetFacet<IImageCreator>(out _) || protocol.TryGetFacet<IExistingStorage>(out _)
            ? OptionsOf(protocol)
            : throw new ToolException($"Protocol driver '{protocol.FormatName}' does not support image creation");

    /// <exception cref="BlockException">The format or protocol refused; no file is left that was not there before.</exception>
    public async ValueTask RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            await MakeAsync(cancellationToken);
        }
        catch
        {
            RemoveMade();
            throw;
        }
    }

    /// <summary>Takes back what <see cref="RunAsync"/> made, to be called when the image has been closed.</summary>
    public void RemoveMade()
    {
        _made.ForEach(File.Delete);
        _made.Clear();
    }

    private async ValueTask MakeAsync(CancellationToken cancellationToken)
    {
        if (Options["backing_fmt"] is { } format && await _images.Graph.FindDriverAsync(format, cancellationToken) is null)
            throw new QmpException(ParameterFault.NotAccepted("backing-fmt", format));
        foreach (var option in _formatOptions)
        {
            if (option.Choices is { } choices && Options[option.Name] is { } choice && !choices.Contains(choice))
                throw new QmpException($"invalid parameter value: {choice}");
        }

        if (Format.Kind == BlockDriverKind.Protocol && !IsExisting(_protocol))
        {
            await StoreAsync(ProtocolObject(Format, Size), cancellationToken);
            return;
        }

        // raw adds nothing to the file: its size and preallocation are the protocol's business.
        var plain = Format.FormatName == "raw" || Format.Kind == BlockDriverKind.Protocol;
        await CreateStorageAsync(plain, cancellationToken);
        if (plain)
            return;
        var image = FormatObject();
        await MakeFilesAsync(image, cancellationToken);
        await CreateAsync(image, cancellationToken);
    }

    /// <summary>Files that options name beside the image's own, and those that the format needs.</summary>
    private async ValueTask MakeFilesAsync(JsonObject image, CancellationToken cancellationToken)
    {
        foreach (var option in _formatOptions.Where(option => option.MakesFile))
        {
            if (Options[option.Name] is not { } name)
                continue;
            image[option.Member] = await MakeFileAsync(name, cancellationToken);
        }

        Format.TryGetFacet<IImageCreator>(out var creator);
        foreach (var planned in creator!.PlanFiles(PlainName(_fileName), OwnOptions(image)))
        {
            if (image[planned.Member] is not JsonArray list)
                image[planned.Member] = list = [];
            list.Add(await MakeFileAsync(planned.FileName, cancellationToken));
        }
    }

    private static JsonElement OwnOptions(JsonObject create)
    {
        var own = (JsonObject)create.DeepClone();
        own.Remove("driver");
        return HostJson.ToElement(own);
    }

    /// <returns>The node that stores the file.</returns>
    private async ValueTask<JsonNode> MakeFileAsync(string name, CancellationToken cancellationToken)
    {
        var protocol = await _images.ProtocolOfAsync(name, cancellationToken);
        var node = new JsonObject { ["driver"] = protocol.FormatName, ["filename"] = PlainName(name) };
        var reference = node.DeepClone();
        node["size"] = 0;
        await StoreAsync(node, cancellationToken);
        return reference;
    }

    private async ValueTask CreateStorageAsync(bool plain, CancellationToken cancellationToken)
    {
        if (IsExisting(_protocol))
        {
            await ExistingStorage.PrepareAsync(_images, _fileName, _protocol, plain ? Size : 0, plain ? Options["preallocation"] : null, cancellationToken);
            return;
        }

        try
        {
            await StoreAsync(ProtocolObject(_protocol, plain ? Size : 0), cancellationToken);
        }
        catch (Exception e) when (ImageErrors.ParameterOf(e) is { Kind: ParameterFaultKind.NotAccepted } parameter)
        {
            // Protocols look at their options with other words than formats.
            throw new BlockException(BlockErrorKind.InvalidArgument, $"invalid parameter value: {parameter.Detail}", innerException: e);
        }
    }

    private static IReadOnlyList<CreateOption> OptionsOf(BlockDriver driver) =>
        driver.TryGetFacet<IImageCreator>(out var creator) ? creator.CreateOptions : IsExisting(driver) ? ExistingStorage.Options : [];

    private static bool IsExisting(BlockDriver protocol) => protocol.TryGetFacet<IExistingStorage>(out _);

    private JsonObject ProtocolObject(BlockDriver protocol, long size)
    {
        var create = new JsonObject { ["driver"] = protocol.FormatName };
        var options = _protocolOptions.Where(option => option.Name != "size" && !_formatOptions.Any(format => format.Name == option.Name && Format.FormatName != "raw"));
        Options.AddMembers(create, options);
        create["filename"] = PlainName(_fileName);
        create["size"] = size;
        return create;
    }

    private JsonObject FormatObject()
    {
        var create = new JsonObject { ["driver"] = Format.FormatName };
        Options.AddMembers(create, _formatOptions);
        create["size"] = Size;
        create["file"] = StorageObject();
        return create;
    }

    private JsonObject StorageObject()
    {
        if (!IsExisting(_protocol) || !_protocol.TryParseFileName(_fileName, out var options))
            return new JsonObject { ["driver"] = _protocol.FormatName, ["filename"] = PlainName(_fileName) };
        var storage = JsonObject.Create(options.Value)!;
        storage["driver"] = _protocol.FormatName;
        return storage;
    }

    private static string PlainName(string fileName) =>
        FileNames.Protocol(fileName) is ("file" or "host_device") and var protocol ? fileName[(protocol.Length + 1)..] : fileName;

    private ValueTask CreateAsync(JsonObject create, CancellationToken cancellationToken) =>
        _images.Graph.CreateImageAsync(HostJson.ToElement(create), cancellationToken);

    /// <summary>The file that a link leads to, which need not be there yet.</summary>
    private static string TargetOf(FileInfo file) =>
        file.LinkTarget is null ? file.FullName : file.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? file.FullName;

    /// <summary>Has a protocol make a file, and keeps in mind one that was not there. A device always was.</summary>
    private async ValueTask StoreAsync(JsonObject create, CancellationToken cancellationToken)
    {
        var path = create["driver"]!.GetValue<string>() == "file" ? create["filename"]!.GetValue<string>() : null;
        var target = path is null ? null : TargetOf(new FileInfo(path));
        var isNew = target is not null && !File.Exists(target);
        await CreateAsync(create, cancellationToken);
        if (isNew)
            _made.Add(target!);
    }
}

