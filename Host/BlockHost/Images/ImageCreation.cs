// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.CommandLine;
using BlockHost.Composition;

namespace BlockHost.Images;

/// <summary>
/// Makes a new image file the way the command-line tools do: the protocol makes the file, then the format writes
/// its structure into it; when that fails the file goes away again.
/// </summary>
internal sealed class ImageCreation
{
    private readonly IBlockGraph _graph;
    private readonly string _fileName;
    private readonly BlockDriver _protocol;
    private readonly IReadOnlyList<CreateOption> _formatOptions;
    private readonly IReadOnlyList<CreateOption> _protocolOptions;

    private ImageCreation(IBlockGraph graph, string fileName, BlockDriver format, BlockDriver protocol)
    {
        _graph = graph;
        _fileName = fileName;
        Format = format;
        _protocol = protocol;
        _formatOptions = OptionsOf(format);
        _protocolOptions = OptionsOf(protocol);
        Options = new CreateOptionList(_formatOptions.Concat(_protocolOptions));
    }

    public BlockDriver Format { get; }

    public CreateOptionList Options { get; }

    /// <exception cref="ToolException">The format or protocol is unknown or cannot make images.</exception>
    public static async ValueTask<ImageCreation> PlanAsync(ImageOpener images, string fileName, string format, CancellationToken cancellationToken)
    {
        var driver = await images.Graph.FindDriverAsync(format, cancellationToken)
            ?? throw new ToolException($"Unknown file format '{format}'");
        var protocol = await images.ProtocolOfAsync(fileName, cancellationToken);
        if (!driver.TryGetFacet<IImageCreator>(out _))
            throw new ToolException($"Format driver '{format}' does not support image creation");
        if (!protocol.TryGetFacet<IImageCreator>(out _))
            throw new ToolException($"Protocol driver '{protocol.FormatName}' does not support image creation");
        return new(images.Graph, fileName, driver, protocol);
    }

    /// <exception cref="BlockException">The format or protocol refused; no file is left.</exception>
    public async ValueTask RunAsync(CancellationToken cancellationToken)
    {
        if (Format.Kind == BlockDriverKind.Protocol)
        {
            await CreateAsync(ProtocolObject(Format, Options.Size), cancellationToken);
            return;
        }

        // raw adds nothing to the file: its size and preallocation are the protocol's business.
        var plain = Format.FormatName == "raw";
        await CreateAsync(ProtocolObject(_protocol, plain ? Options.Size : 0), cancellationToken);
        if (plain)
            return;
        try
        {
            await CreateAsync(FormatObject(), cancellationToken);
        }
        catch
        {
            Remove();
            throw;
        }
    }

    private static IReadOnlyList<CreateOption> OptionsOf(BlockDriver driver) =>
        driver.TryGetFacet<IImageCreator>(out var creator) ? creator.CreateOptions : [];

    private JsonObject ProtocolObject(BlockDriver protocol, long? size)
    {
        var create = new JsonObject { ["driver"] = protocol.FormatName };
        var options = _protocolOptions.Where(option => option.Name != "size" && !_formatOptions.Any(format => format.Name == option.Name && Format.FormatName != "raw"));
        Options.AddMembers(create, options);
        create["filename"] = PlainName();
        create["size"] = size ?? 0;
        return create;
    }

    private JsonObject FormatObject()
    {
        var create = new JsonObject { ["driver"] = Format.FormatName };
        Options.AddMembers(create, _formatOptions);
        create["file"] = new JsonObject { ["driver"] = _protocol.FormatName, ["filename"] = PlainName() };
        return create;
    }

    private string PlainName() =>
        FileNames.Protocol(_fileName) is "file" ? _fileName["file:".Length..] : _fileName;

    private ValueTask CreateAsync(JsonObject create, CancellationToken cancellationToken) =>
        _graph.CreateImageAsync(HostJson.ToElement(create), cancellationToken);

    private void Remove()
    {
        if (_protocol.FormatName == "file")
            File.Delete(PlainName());
    }
}

