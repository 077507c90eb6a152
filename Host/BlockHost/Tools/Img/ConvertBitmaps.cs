// SPDX-License-Identifier: MIT
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Facets;
using BlockHost.CommandLine;
using BlockHost.Images;

namespace BlockHost.Tools.Img;

/// <summary>convert --bitmaps: the source's persistent bitmaps, with what they have marked, go into the target.</summary>
internal sealed class ConvertBitmaps
{
    private readonly IReadOnlyList<IDirtyBitmap> _sources;
    private readonly OpenImage _target;

    private ConvertBitmaps(IReadOnlyList<IDirtyBitmap> sources, OpenImage target)
    {
        _sources = sources;
        _target = target;
    }

    public static void CheckSources(IReadOnlyList<OpenImage> sources, bool skipBroken)
    {
        if (sources.Count > 1)
            throw new ToolException("Copying bitmaps only possible with single source");
        if (!sources[0].Node.TryGetFacet<IBitmapStore>(out _))
            throw new ToolException("Source lacks bitmap support");
        if (skipBroken || Persistent(sources[0]).FirstOrDefault(bitmap => bitmap.IsInconsistent) is not { } broken)
            return;
        throw new ToolException($"Cannot copy inconsistent bitmap '{broken.Name}'")
        {
            Hint = "Try --skip-broken-bitmaps, or use 'qemu-img bitmap --remove' to delete it",
        };
    }

    public static async ValueTask<ConvertBitmaps> PlanAsync(
        OpenImage source, OpenImage target, CancellationToken cancellationToken)
    {
        if (!target.Node.TryGetFacet<IBitmapStore>(out _) || await IsOldAsync(target, cancellationToken))
            throw new ToolException($"Format driver '{target.Node.Driver.FormatName}' does not support bitmaps");
        return new(Persistent(source), target);
    }

    private static List<IDirtyBitmap> Persistent(OpenImage image) =>
        [.. image.Node.DirtyBitmaps.Named.Where(bitmap => bitmap.IsPersistent)];

    /// <summary>A version 2 image has no place for bitmaps.</summary>
    private static async ValueTask<bool> IsOldAsync(OpenImage image, CancellationToken cancellationToken)
    {
        var facts = await image.Node.GetFactsAsync(cancellationToken);
        return facts.Specific is { } specific && specific.TryGetProperty("compat", out var compat)
            && compat.GetString() == "0.10";
    }

    /// <summary>Done when the data is: what is written on the way is no change.</summary>
    public async ValueTask CopyAsync(Action<string> warn, CancellationToken cancellationToken)
    {
        foreach (var source in _sources)
        {
            if (source.IsInconsistent)
                warn($"Skipping inconsistent bitmap '{source.Name}'");
            else
                await CopyAsync(source, cancellationToken);
        }
    }

    private async ValueTask CopyAsync(IDirtyBitmap source, CancellationToken cancellationToken)
    {
        var options = new DirtyBitmapOptions
        {
            Name = source.Name!,
            Granularity = source.Granularity,
            Persistent = true,
            Disabled = true,
        };
        var copy = await _target.Node.DirtyBitmaps.AddAsync(options, cancellationToken);
        copy.Merge(source);
        copy.Enabled = source.Enabled;
    }
}
