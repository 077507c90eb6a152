// SPDX-License-Identifier: MIT
using System.Globalization;
using BlockHost.CommandLine;
using BlockHost.Images;

namespace BlockHost.Tools.Img;

/// <content>Making and opening the target.</content>
internal sealed partial class ConvertCommand
{
    private async ValueTask<OpenImage> PrepareTargetAsync(string name, long total, CancellationToken cancellationToken)
    {
        var host = await context.HostAsync(cancellationToken);
        if (!_targetImageOptions)
            await CheckFormatAsync(host.Images, cancellationToken);
        if (!_skipCreate)
            await CreateAsync(host.Images, name, total, cancellationToken);

        var mode = new OpenMode
        {
            Writable = true,
            Cache = _targetCache,
            Discard = "unmap",
            NoBacking = _backingFile is null && !_skipCreate,
        };
        var target = await context.OpenAsync(new(name, _targetFormat, _targetImageOptions), mode, cancellationToken);
        if (_compress && !target.Node.Driver.SupportsCompressedWrites)
        {
            await target.DisposeAsync();
            throw new ToolException("Compression not supported for this file format");
        }

        return target;
    }

    private async ValueTask CheckFormatAsync(ImageOpener images, CancellationToken cancellationToken)
    {
        var driver = await images.Graph.FindDriverAsync(_targetFormat!, cancellationToken)
            ?? throw new ToolException($"Unknown file format '{_targetFormat}'");
        if (_compress && !driver.SupportsCompressedWrites)
            throw new ToolException("Compression not supported for this file format");
    }

    private async ValueTask CreateAsync(ImageOpener images, string name, long total, CancellationToken cancellationToken)
    {
        var creation = await ImageCreation.PlanAsync(images, name, _targetFormat!, cancellationToken);
        if (_options.Exists(CreateOptionList.AsksForHelp))
        {
            foreach (var line in creation.Options.HelpLines())
                context.Out.Write($"{line}\n");
            throw new ToolException("", exitCode: 0);
        }

        _options.ForEach(creation.Options.Parse);
        if (_backingFile is not null)
        {
            Require(creation.Options, "backing_file", _backingFile, $"Backing file not supported for file format '{_targetFormat}'");
            Require(creation.Options, "backing_fmt", _backingFormat!, $"Backing file format not supported for file format '{_targetFormat}'");
        }

        if (creation.Options.Size is null)
            creation.Options.Set("size", total.ToString(CultureInfo.InvariantCulture));
        try
        {
            await creation.RunAsync(cancellationToken);
        }
        catch (Exception e) when (ImageErrors.IsExpected(e))
        {
            throw new ToolException($"{name}: error while converting {_targetFormat}: {e.Message}") { Hint = ImageErrors.HintOf(e) };
        }
    }

    private static void Require(CreateOptionList options, string name, string value, string refusal)
    {
        if (!options.Knows(name))
            throw new ToolException(refusal);
        options.Set(name, value);
    }
}
