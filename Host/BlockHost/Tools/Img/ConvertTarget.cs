// SPDX-License-Identifier: MIT
using System.Globalization;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.CommandLine;
using BlockHost.Images;
using BlockHost.Images.Copying;
using BlockHost.Tools.Img.Platforms;

namespace BlockHost.Tools.Img;

/// <summary>Makes and opens the target of convert, and tells how it is to be written.</summary>
internal sealed class ConvertTarget(ImgContext context, ConvertOptions options, SourceRow row)
{
    private ImageCreation? _creation;
    private bool _hasBacking;

    public async ValueTask<OpenImage> OpenAsync(CancellationToken cancellationToken)
    {
        var host = await context.HostAsync(cancellationToken);
        var creation = options.SkipCreate ? null : await PlanAsync(host.Images, cancellationToken);
        _hasBacking = options.BackingFile is not null || creation?.Options["backing_file"] is not null;
        if (_hasBacking)
            CheckBacking(creation);
        if (options.Compress)
            await CheckCompressionAsync(host.Images, creation?.Options, cancellationToken);
        var cache = context.ParseCache(options.TargetCache);
        if (creation is not null)
        {
            await CheckSpaceAsync(creation, cancellationToken);
            await CreateAsync(creation, cancellationToken);
            _creation = creation;
        }

        var mode = new OpenMode
        {
            Writable = true,
            Cache = cache,
            Discard = options.MinSparse != 0 ? "unmap" : null,
            NoBacking = !_hasBacking && !options.SkipCreate,
            KeySecret = KeySecretOf(creation?.Options),
        };
        var target = await context.OpenAsync(
            new(options.TargetName, options.TargetFormat, options.TargetImageOptions), mode, cancellationToken);
        try
        {
            CheckOpened(target);
        }
        catch
        {
            await target.DisposeAsync();
            throw;
        }

        return target;
    }

    /// <summary>What was encrypted with a secret is opened with it.</summary>
    private static (string Option, string Id)? KeySecretOf(CreateOptionList? created)
    {
        foreach (var option in new[] { "key-secret", "encrypt.key-secret" })
        {
            if (created is not null && created.Knows(option) && created[option] is { } id)
                return (option, id);
        }

        return null;
    }

    /// <summary>Leaves no half image behind that was not there before; to be called when the target has been closed.</summary>
    public ValueTask TakeBackAsync() => _creation?.TakeBackAsync() ?? ValueTask.CompletedTask;

    public async ValueTask<CopyOptions> CopyOptionsAsync(OpenImage target, CancellationToken cancellationToken)
    {
        var facts = await target.Node.GetFactsAsync(cancellationToken);
        if (options.Compress && facts.ClusterSize <= 0)
            throw new ToolException("invalid cluster size");
        return new()
        {
            MinSparse = options.MinSparse,
            Workers = options.Workers,
            InOrder = !options.OutOfOrder,
            Compress = options.Compress || facts.NeedsCompressedWrites,
            ClusterSize = facts.ClusterSize,
            TargetAlignment = target.Profile.Limits.RequestAlignment,
            TargetReadsZero = options.TargetIsZero
                || (!options.SkipCreate && !_hasBacking && await NewImage.ReadsZeroAsync(target, cancellationToken)),
            TargetHasBacking = _hasBacking,
            TargetBackingLength = _hasBacking ? target.Node.Backing?.Length : null,
            Salvage = options.Salvage,
            BytesPerSecond = options.RateLimit,
        };
    }

    private async ValueTask<ImageCreation> PlanAsync(ImageOpener images, CancellationToken cancellationToken)
    {
        var creation = await context.MayStartOverAsync(
            ImageCreation.PlanAsync(images, options.TargetName, options.TargetFormat!, cancellationToken));
        var format = options.Platform?.Require(options.TargetFormat!);
        if (format is not null)
            Platform.Complete(format, creation.Options);
        options.CreateOptions.ForEach(creation.Options.Parse);
        var length = format is null ? row.Length : FitPlatform(format, creation.Options);
        creation.Options.Set("size", length.ToString(CultureInfo.InvariantCulture));
        if (options.BackingFile is { } file)
            Require(
                creation.Options, "backing_file", file, $"Backing file not supported for file format '{options.TargetFormat}'");
        if (options.BackingFormat is { } backingFormat)
            Require(
                creation.Options,
                "backing_fmt",
                backingFormat,
                $"Backing file format not supported for file format '{options.TargetFormat}'");
        return creation;
    }

    private long FitPlatform(PlatformFormat format, CreateOptionList creation)
    {
        options.Platform!.Check(format, creation);
        var length = options.Platform.LengthFor(row.Length, format);
        if (!options.Quiet)
            context.Out.Write($"{options.Platform.Describe(format, creation, row.Length, length)}\n");
        return length;
    }

    private static void Require(CreateOptionList options, string name, string value, string refusal)
    {
        if (!options.Knows(name))
            throw new ToolException(refusal);
        options.Set(name, value);
    }

    private void CheckBacking(ImageCreation? creation)
    {
        if (row.Sources.Count > 1)
            throw new ToolException(
                "Having a backing file for the target makes no sense when concatenating multiple input images");
        if (creation is not null && creation.Options["backing_fmt"] is null)
            throw new ToolException("Use of backing file requires explicit backing format");
    }

    private async ValueTask CheckCompressionAsync(
        ImageOpener images, CreateOptionList? created, CancellationToken cancellationToken)
    {
        if (!options.TargetImageOptions
            && await images.Graph.FindDriverAsync(
                options.TargetFormat!, cancellationToken) is { SupportsCompressedWrites: false })
            throw new ToolException("Compression not supported for this file format");
        if (created?["encryption"] is "on" || created?["encrypt.format"] is not null)
            throw new ToolException("Compression and encryption not supported at the same time");
        if (created?["preallocation"] is not (null or "off"))
            throw new ToolException("Compression and preallocation not supported at the same time");
    }

    /// <summary>
    /// Before anything is written; QEMU finds out when the disk is full. A device takes no space where its name is.
    /// </summary>
    private async ValueTask CheckSpaceAsync(ImageCreation creation, CancellationToken cancellationToken)
    {
        if (FileNames.Protocol(options.TargetName) is not null || !creation.MakesFile)
            return;
        var plan = new CopyOptions
        {
            MinSparse = options.MinSparse,
            Compress = options.Compress,
            TargetHasBacking = _hasBacking,
            Salvage = options.Salvage,
        };
        var check = new SpaceCheck(row, plan, SpaceCheck.FreeBytes);
        await check.RequireAsync(options.TargetName, creation.Options["preallocation"] is "falloc" or "full", cancellationToken);
    }

    private async ValueTask CreateAsync(ImageCreation creation, CancellationToken cancellationToken)
    {
        try
        {
            await creation.RunAsync(cancellationToken);
        }
        catch (Exception e) when (ImageErrors.IsExpected(e))
        {
            throw new ToolException($"{options.TargetName}: error while converting {options.TargetFormat}: {e.Message}")
            { Hint = ImageErrors.HintOf(e) };
        }
    }

    private void CheckOpened(OpenImage target)
    {
        if (options.Compress && !target.Node.Driver.SupportsCompressedWrites)
            throw new ToolException("Compression not supported for this file format");
        if ((target.Length + 511) / 512 * 512 < row.Length)
            throw new ToolException("output file is smaller than input file");
    }
}
