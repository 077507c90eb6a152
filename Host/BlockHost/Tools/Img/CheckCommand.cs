// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text.Json.Nodes;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.CommandLine;
using BlockHost.Images;

namespace BlockHost.Tools.Img;

/// <summary>
/// qemu-img check. Exit codes: 0 sound, 1 the check itself failed, 2 corrupt, 3 leaked clusters only,
/// 63 the format has no checks.
/// </summary>
internal sealed class CheckCommand(ImgContext context) : IImgCommand
{
    private const int NotSupported = 63;

    private static readonly OptionTable Table = new(
        "hf:r:T:qU", "help=h", "format:=f", "repair:=r", "output:", "object:", "image-opts", "force-share=U");

    private string? _format;
    private CheckRepair _repair;
    private CacheMode _cache;
    private bool _quiet;
    private bool _forceShare;
    private bool _imageOptions;
    private bool _json;

    public async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var source = await ParseAsync(args, cancellationToken);
        var mode = new OpenMode
        {
            Writable = _repair != CheckRepair.None,
            Cache = _cache,
            ForceShare = _forceShare,
            ForRepair = true,
        };
        var image = await context.OpenAsync(source, mode, cancellationToken);
        await using (image)
        {
            if (!image.Node.TryGetFacet<IImageCheck>(out var check))
                throw NoChecks();
            var first = await CheckAsync(image, check, _repair, cancellationToken);
            var last = first;
            if (first.CorruptionsFixed > 0 || first.LeaksFixed > 0)
            {
                PrintRepaired(first);
                last = await CheckAsync(image, check, CheckRepair.None, cancellationToken);
                last = last with { CorruptionsFixed = first.CorruptionsFixed, LeaksFixed = first.LeaksFixed };
            }

            Print(source.Name, image.Node.Driver.FormatName, last);
            return last.CheckErrors > 0 ? throw new ToolException("Check failed") : ExitCode(last);
        }
    }

    private static int ExitCode(ImageCheckResult result) =>
        result.Corruptions > 0 ? 2 : result.Leaks > 0 ? 3 : 0;

    private async ValueTask<ImageSource> ParseAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var names = new List<string>();
        string? output = "human";
        foreach (var item in context.Options(args, Table))
        {
            switch (item.Key)
            {
                case "f": _format = item.Value; break;
                case "r": _repair = ParseRepair(item.Value!); break;
                case "T": _cache = context.ParseCache(item.Value!, "source cache"); break;
                case "q": _quiet = true; break;
                case "U": _forceShare = true; break;
                case "output": output = item.Value; break;
                case "image-opts": _imageOptions = true; break;
                case "object": await context.AddObjectAsync(item.Value!, cancellationToken); break;
                default: names.Add(item.Value!); break;
            }
        }

        if (names.Count != 1)
            throw ToolException.Usage("Expecting one image file name");
        _json = ImgContext.ParseOutput(output);
        return new(names[0], _format, _imageOptions);
    }

    private static CheckRepair ParseRepair(string value) => value switch
    {
        "leaks" => CheckRepair.Leaks,
        "all" => CheckRepair.Leaks | CheckRepair.Errors,
        _ => throw ToolException.Usage($"Unknown option value for -r (expecting 'leaks' or 'all'): {value}"),
    };

    private async ValueTask<ImageCheckResult> CheckAsync(
        OpenImage image, IImageCheck check, CheckRepair repair, CancellationToken cancellationToken)
    {
        var drained = await image.Graph.DrainAsync(image.Node, cancellationToken);
        await using (drained)
        {
            var result = await RunAsync(check, repair, cancellationToken);
            foreach (var message in result.Messages)
                context.Console.ErrorLine(message);
            return result.Errno == 0 ? result : throw Failed(result.Failure, result.Errno);
        }
    }

    /// <summary>QEMU only says what kind of error ended a check; under our own name we also say where.</summary>
    private async ValueTask<ImageCheckResult> RunAsync(IImageCheck check, CheckRepair repair, CancellationToken cancellationToken)
    {
        try
        {
            return await check.CheckAsync(repair, cancellationToken);
        }
        catch (BlockException e) when (e.Kind == BlockErrorKind.NotSupported)
        {
            throw NoChecks();
        }
        catch (BlockException e)
        {
            throw Failed(context.Console.HasOwnName ? e.Message : null, e.Errno);
        }
    }

    private static ToolException NoChecks() => new("This image format does not support checks", NotSupported);

    private static ToolException Failed(string? detail, int errno)
    {
        var failed = $"Check failed: {ImageErrors.Text(errno)}";
        return detail is null ? new(failed) : new(detail) { SecondMessage = failed };
    }

    private void PrintRepaired(ImageCheckResult result)
    {
        if (_json || _quiet)
            return;
        context.Out.Write(
            $"The following inconsistencies were found and repaired:\n\n    {result.LeaksFixed} leaked clusters\n    {result.CorruptionsFixed} corruptions\n\n"
            + "Double checking the fixed image now...\n");
    }

    private void Print(string name, string format, ImageCheckResult result)
    {
        if (_quiet)
            return;
        if (_json)
            QemuJson.Write(context.Out, ToJson(name, format, result));
        else
            PrintHuman(result);
    }

    private static JsonObject ToJson(string name, string format, ImageCheckResult result)
    {
        var json = new JsonObject { ["filename"] = name, ["format"] = format, ["check-errors"] = result.CheckErrors };
        Add("image-end-offset", result.ImageEndOffset ?? 0);
        Add("corruptions", result.Corruptions);
        Add("leaks", result.Leaks);
        Add("corruptions-fixed", result.CorruptionsFixed);
        Add("leaks-fixed", result.LeaksFixed);
        Add("total-clusters", result.TotalClusters ?? 0);
        Add("allocated-clusters", result.AllocatedClusters ?? 0);
        Add("fragmented-clusters", result.FragmentedClusters ?? 0);
        Add("compressed-clusters", result.CompressedClusters ?? 0);
        return json;

        void Add(string member, long value)
        {
            if (value != 0)
                json[member] = value;
        }
    }

    private void PrintHuman(ImageCheckResult result)
    {
        var output = context.Out;
        if (result is { Corruptions: 0, Leaks: 0, CheckErrors: 0 })
            output.Write("No errors were found on the image.\n");
        if (result.Corruptions > 0)
        {
            output.Write($"\n{result.Corruptions} errors were found on the image.\n");
            output.Write("Data may be corrupted, or further writes to the image may corrupt it.\n");
        }

        if (result.Leaks > 0)
            output.Write(
                $"\n{result.Leaks} leaked clusters were found on the image.\nThis means waste of disk space, but no harm to data.\n");
        if (result.CheckErrors > 0)
            output.Write($"\n{result.CheckErrors} internal errors have occurred during the check.\n");
        if (result is { TotalClusters: > 0 and var total, AllocatedClusters: > 0 and var allocated })
        {
            output.Write($"{allocated}/{total} = {Percent(allocated, total)}% allocated, ");
            output.Write(
                $"{Percent(result.FragmentedClusters ?? 0, allocated)}% fragmented, {Percent(result.CompressedClusters ?? 0, allocated)}% compressed clusters\n");
        }

        if (result.ImageEndOffset is > 0 and var end)
            output.Write($"Image end offset: {end}\n");
    }

    // As C's %.2f: a percentage that lies half-way goes to the even digit.
    private static string Percent(long part, long whole) =>
        Math.Round(part * 100.0 / whole, 2, MidpointRounding.ToEven).ToString("0.00", CultureInfo.InvariantCulture);
}
