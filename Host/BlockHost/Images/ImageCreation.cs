// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.CommandLine;
using BlockHost.Composition;
using BlockHost.Core.Images;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Images;

/// <summary>An image as a command line has it made: its options as texts, and QEMU's words for what is wrong with them.</summary>
internal sealed class ImageCreation
{
    private readonly ImageOpener _images;
    private readonly ImagePlan _plan;

    private ImageCreation(ImageOpener images, ImagePlan plan)
    {
        (_images, _plan) = (images, plan);
        Options = new CreateOptionList(plan.FormatOptions.Concat(plan.ProtocolOptions));
    }

    public CreateOptionList Options { get; }

    /// <summary>A file is made, rather than something that is there already used.</summary>
    public bool MakesFile => _plan.Protocol.TryGetFacet<IFileStore>(out _);

    /// <exception cref="ToolException">The format or protocol is unknown or cannot make images.</exception>
    public static async ValueTask<ImageCreation> PlanAsync(
        ImageOpener images, string fileName, string format, CancellationToken cancellationToken)
    {
        try
        {
            return new(images, await images.Maker.PlanAsync(fileName, format, cancellationToken));
        }
        catch (BlockException e)
        {
            throw new ToolException(e.Message);
        }
    }

    /// <exception cref="BlockException">The format or protocol refused; no file is left that was not there before.</exception>
    public async ValueTask RunAsync(CancellationToken cancellationToken)
    {
        if (Options["backing_fmt"] is { } format && await _images.Graph.FindDriverAsync(format, cancellationToken) is null)
            throw new QmpException(ParameterFault.NotAccepted("backing-fmt", format));
        foreach (var option in _plan.FormatOptions)
        {
            if (option.Choices is { } choices && Options[option.Name] is { } choice && !choices.Contains(choice))
                throw new QmpException($"invalid parameter value: {choice}");
        }

        await _plan.MakeAsync(
            Options.Size ?? 0,
            Members(_plan.FormatOptions),
            Members(_plan.ProtocolOptions.Where(IsForStorage)),
            cancellationToken);
    }

    /// <summary>Takes back what <see cref="RunAsync"/> made, to be called when the image has been closed.</summary>
    public ValueTask TakeBackAsync() => _plan.TakeBackAsync();

    /// <summary>What a format has an option for concerns its image, and its storage where it is plain.</summary>
    private bool IsForStorage(CreateOption option) =>
        _plan.Format.IsPlain || !_plan.FormatOptions.Any(format => format.Name == option.Name);

    private JsonElement Members(IEnumerable<CreateOption> options)
    {
        var members = new JsonObject();
        Options.AddMembers(members, options.Where(option => option.Name != "size"));
        return HostJson.ToElement(members);
    }
}
