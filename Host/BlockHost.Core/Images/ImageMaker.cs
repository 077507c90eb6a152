// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Core.Block;
using BlockHost.Core.Block.Opening;
using BlockHost.Core.Json;

namespace BlockHost.Core.Images;

/// <summary>Plans images that are named by file, for commands and tools.</summary>
public sealed class ImageMaker(IBlockGraph graph, IDriverSource drivers)
{
    /// <param name="format">Null is no format.</param>
    /// <exception cref="BlockException">The format or protocol is unknown or makes no images.</exception>
    public async ValueTask<ImagePlan> PlanAsync(string fileName, string? format, CancellationToken cancellationToken)
    {
        var driver = (format is null ? null : await graph.FindDriverAsync(format, cancellationToken).ConfigureAwait(false))
            ?? throw new BlockException(BlockErrorKind.InvalidArgument, $"Unknown file format '{format}'");
        if (OptionsOf(driver) is null)
            throw new BlockException(BlockErrorKind.NotSupported, $"Format driver '{format}' does not support image creation");
        var storage = await FileNameOptions.ProtocolOptionsAsync(drivers, fileName, cancellationToken).ConfigureAwait(false);
        var protocol = await graph.FindDriverAsync(
            JsonObjects.StringMember(storage, "driver")!, cancellationToken).ConfigureAwait(false);
        _ = OptionsOfStorage(protocol!);
        return new(graph, drivers, fileName, driver, protocol!, Typed(protocol!, storage));
    }

    /// <summary>A name gives texts where the schema has numbers.</summary>
    private static JsonElement Typed(BlockDriver protocol, JsonElement storage)
    {
        var own = JsonObjects.Where(storage, member => member.Name != "driver");
        return JsonObjects.With(LooseOptions.Typed(protocol.OptionsType, own), "driver", protocol.FormatName);
    }

    /// <summary>Options that a protocol has for new images.</summary>
    /// <exception cref="BlockException">It takes none.</exception>
    public static IReadOnlyList<CreateOption> OptionsOfStorage(BlockDriver protocol) => OptionsOf(protocol)
        ?? throw new BlockException(
            BlockErrorKind.NotSupported, $"Protocol driver '{protocol.FormatName}' does not support image creation");

    internal static IReadOnlyList<CreateOption>? OptionsOf(BlockDriver driver) =>
        driver.TryGetFacet<IImageCreator>(out var creator) ? creator.CreateOptions
        : driver.TryGetFacet<IExistingStorage>(out _) ? ExistingStorage.Options
        : null;
}
