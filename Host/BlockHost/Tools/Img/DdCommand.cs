// SPDX-License-Identifier: MIT
using System.Globalization;
using BlockHost.Block;
using BlockHost.CommandLine;
using BlockHost.Images;

namespace BlockHost.Tools.Img;

/// <summary>qemu-img dd: copies blocks of an image into a new one.</summary>
internal sealed class DdCommand(ImgContext context) : IImgCommand
{
    /// <summary>Blocks are copied several at a time up to this many bytes.</summary>
    private const int LargestBuffer = 1024 * 1024;

    private static readonly OptionTable Table = new("f:O:hU", "help=h", "object:", "image-opts", "force-share=U");

    private string? _format;
    private string _targetFormat = "raw";
    private bool _imageOptions;
    private bool _forceShare;
    private string? _input;
    private string? _output;
    private long _blockSize = 512;
    private long? _count;
    private long _skip;

    public async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        foreach (var item in context.Options(args, Table))
        {
            switch (item.Key)
            {
                case "f": _format = item.Value; break;
                case "O": _targetFormat = item.Value!; break;
                case "U": _forceShare = true; break;
                case "image-opts": _imageOptions = true; break;
                case "object": await context.AddObjectAsync(item.Value!, cancellationToken); break;
                default: ParseOperand(item.Value!); break;
            }
        }

        if (_input is null || _output is null)
            throw new ToolException("Must specify both input and output files");
        var mode = new OpenMode { ForceShare = _forceShare };
        var source = await context.OpenAsync(new(_input, _format, _imageOptions), mode, cancellationToken);
        await using (source)
            await CopyAsync(source, cancellationToken);
        return 0;
    }

    private void ParseOperand(string operand)
    {
        var equals = operand.IndexOf('=');
        var name = equals < 0 ? operand : operand[..equals];
        var value = equals < 0 ? "" : operand[(equals + 1)..];
        switch (name)
        {
            case "if" when equals >= 0: _input = value; break;
            case "of" when equals >= 0: _output = value; break;
            case "bs" when equals >= 0: _blockSize = Sizes.Parse("bs", value, 1, int.MaxValue); break;
            case "count" when equals >= 0: _count = Sizes.Parse("count", value); break;
            case "skip" when equals >= 0: _skip = Sizes.Parse("skip", value); break;
            default: throw new ToolException($"unrecognized operand {name}");
        }
    }

    private async ValueTask CopyAsync(OpenImage source, CancellationToken cancellationToken)
    {
        var (start, end) = Range(source);
        var host = await context.HostAsync(cancellationToken);
        if (await host.Images.Graph.FindDriverAsync(_targetFormat, cancellationToken) is null)
            throw new ToolException("Unknown file format");
        var creation = await ImageCreation.PlanAsync(host.Images, _output!, _targetFormat, cancellationToken);
        creation.Options.Set("size", (end - start).ToString(CultureInfo.InvariantCulture));
        try
        {
            await creation.RunAsync(cancellationToken);
        }
        catch (Exception e) when (ImageErrors.IsExpected(e))
        {
            throw new ToolException($"{_output}: error while creating output image: {e.Message}")
            { Hint = ImageErrors.HintOf(e) };
        }

        try
        {
            await using var target = await context.OpenAsync(
                new(_output!, _targetFormat), new OpenMode { Writable = true }, cancellationToken);
            await CopyBlocksAsync(source, target, start, end, cancellationToken);
            await target.Node.FlushAsync(cancellationToken);
        }
        catch
        {
            await creation.TakeBackAsync();
            throw;
        }
    }

    /// <summary>
    /// The bytes to copy. As in QEMU 7.2 "count" counts from the image's start, so that what "skip" leaves out is
    /// not made up for at the end.
    /// </summary>
    private (long Start, long End) Range(OpenImage source)
    {
        var end = _count is { } count && count <= source.Length / _blockSize ? count * _blockSize : source.Length;
        if (_skip <= end / _blockSize)
            return (_skip * _blockSize, end);
        context.Console.Report($"{_input}: cannot skip to specified offset");
        return (end, end);
    }

    private async ValueTask CopyBlocksAsync(
        OpenImage source, OpenImage target, long start, long end, CancellationToken cancellationToken)
    {
        using var progress = context.StartProgress(wanted: false);
        var blocks = Math.Max(1, LargestBuffer / _blockSize);
        var buffer = new byte[Math.Min(blocks * _blockSize, Math.Max(1, end - start))];
        for (var at = start; at < end; at += buffer.Length)
        {
            var block = buffer.AsMemory(0, (int)Math.Min(buffer.Length, end - at));
            var status = await source.Queue.ReadAsync(at, block, cancellationToken: cancellationToken);
            if (!status.IsOk)
                throw new ToolException($"error while reading from input image file: {ImageErrors.Text(status.Errno)}");
            status = await target.Queue.WriteAsync(at - start, block, WriteFlags.None, cancellationToken);
            if (!status.IsOk)
                throw new ToolException($"error while writing to output image file: {ImageErrors.Text(status.Errno)}");
            progress.Report(at - start + block.Length, end - start);
        }

        progress.Complete();
    }
}
