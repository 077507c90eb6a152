// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.CommandLine;
using BlockHost.Images;
using BlockHost.Images.Copying;
using BlockHost.Tools.Img.Platforms;

namespace BlockHost.Tools.Img;

/// <summary>qemu-img convert: copies one or several images, one behind the other, into a new one of any format.</summary>
internal sealed class ConvertCommand(ImgContext context) : IImgCommand
{
    public async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var options = await ConvertOptions.ParseAsync(context, args, cancellationToken);
        if (options.AsksForHelp)
            return await CreateHelp.PrintAsync(
                context, options.TargetFormat!, options.Names.Count < 2 ? null : options.TargetName, cancellationToken);

        using var progress = context.StartProgress(options.Progress && !options.Quiet);
        var sources = new List<OpenImage>();
        try
        {
            foreach (var name in options.SourceNames)
                sources.Add(await OpenSourceAsync(name, options, cancellationToken));
            await ConvertAsync(sources, options, progress, cancellationToken);
        }
        finally
        {
            foreach (var source in sources)
                await source.DisposeAsync();
        }

        progress.Complete();
        return 0;
    }

    private async ValueTask<OpenImage> OpenSourceAsync(string name, ConvertOptions options, CancellationToken cancellationToken)
    {
        var mode = new OpenMode
        {
            Cache = options.SourceCache,
            ForceShare = options.ForceShare,
            RefusesWriters = !options.ForceShare,
        };
        return await context.OpenAsync(new(name, options.Format, options.ImageOptions), mode, cancellationToken);
    }

    private static ValueTask LoadSnapshotAsync(
        List<OpenImage> sources, SnapshotChoice snapshot, CancellationToken cancellationToken) =>
        sources.Count > 1
            ? throw new ToolException("No support for concatenating multiple snapshot")
            : snapshot.LoadAsync(sources[0], cancellationToken);

    private async ValueTask ConvertAsync(
        List<OpenImage> sources, ConvertOptions options, ProgressLine progress, CancellationToken cancellationToken)
    {
        if (options.Snapshot is { } snapshot)
            await LoadSnapshotAsync(sources, snapshot, cancellationToken);
        if (options.TargetIsZero && options.BackingFile is not null)
            throw new ToolException("Cannot use --target-is-zero when the destination image has a backing file");
        if (options.Bitmaps)
            ConvertBitmaps.CheckSources(sources, options.SkipBrokenBitmaps);
        var row = await SourceRow.OfAsync(sources, cancellationToken);
        if (options.Platform is { IsArchived: true } platform)
        {
            await ArchiveAsync(row, platform, options, progress, cancellationToken);
            return;
        }

        var target = new ConvertTarget(context, options, row);
        try
        {
            await CopyAsync(sources, row, target, options, progress, cancellationToken);
        }
        catch
        {
            await target.TakeBackAsync();
            throw;
        }
    }

    private async ValueTask ArchiveAsync(
        SourceRow row, Platform platform, ConvertOptions options, ProgressLine progress, CancellationToken cancellationToken)
    {
        if (options.CreateOptions.Count > 0 || options.Compress || options.Bitmaps)
            throw new ToolException($"A disk for {platform.Title} is put into an archive: -o, -c and --bitmaps mean nothing there");
        var format = platform.Require(options.TargetFormat!);
        var length = platform.LengthFor(row.Length, format);
        if (!options.Quiet)
            context.Out.Write($"{platform.Describe(format, null, row.Length, length)}\n");
        var host = await context.HostAsync(cancellationToken);
        var archive = new DiskArchive(row, length, host.Services.Clock) { Progress = progress.Report };
        try
        {
            await archive.WriteAsync(options.TargetName, cancellationToken);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or (IOException and not BlockException))
        {
            throw new ToolException($"{options.TargetName}: {e.Message}");
        }
    }

    private async ValueTask CopyAsync(
        List<OpenImage> sources,
        SourceRow row,
        ConvertTarget preparation,
        ConvertOptions options,
        ProgressLine progress,
        CancellationToken cancellationToken)
    {
        await using var target = await preparation.OpenAsync(cancellationToken);
        var bitmaps = options.Bitmaps ? await ConvertBitmaps.PlanAsync(sources[0], target, cancellationToken) : null;
        var copyOptions = await preparation.CopyOptionsAsync(target, cancellationToken);

        var total = await ImageCopy.MeasureAsync(row, copyOptions, cancellationToken);
        var host = await context.HostAsync(cancellationToken);
        Action<string> warn = options.Quiet ? _ => { } : context.Console.Warn;
        var copy = new ImageCopy(row, target, host.Services.Buffers, copyOptions, warn)
        {
            Taken = done => progress.Report(done, total),
        };
        await copy.RunAsync(cancellationToken);
        if (bitmaps is not null)
            await bitmaps.CopyAsync(context.Console.Warn, cancellationToken);
        await target.Node.FlushAsync(cancellationToken);
    }
}
