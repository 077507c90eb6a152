// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.CommandLine;
using BlockHost.Images;

namespace BlockHost.Tools.Img;

/// <summary>qemu-img map: where each range of an image is stored, over the whole chain.</summary>
internal sealed class MapCommand(ImgContext context) : IImgCommand
{
    private static readonly OptionTable Table = new(
        "f:s:l:hU",
        "help=h",
        "format:=f",
        "output:",
        "object:",
        "image-opts",
        "force-share=U",
        "start-offset:=s",
        "max-length:=l");

    private bool _json;
    private bool _first = true;

    public async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var names = new List<string>();
        string? format = null;
        string? output = "human";
        var (imageOptions, forceShare, start, length) = (false, false, 0L, long.MaxValue);
        foreach (var item in context.Options(args, Table))
        {
            switch (item.Key)
            {
                case "f": format = item.Value; break;
                case "U": forceShare = true; break;
                case "s": start = Sizes.Parse("start offset", item.Value!); break;
                case "l": length = Sizes.Parse("max length", item.Value!); break;
                case "output": output = item.Value; break;
                case "image-opts": imageOptions = true; break;
                case "object": await context.AddObjectAsync(item.Value!, cancellationToken); break;
                default: names.Add(item.Value!); break;
            }
        }

        if (names.Count != 1)
            throw ToolException.Usage("Expecting one image file name");
        _json = ImgContext.ParseOutput(output);
        var source = new ImageSource(names[0], format, imageOptions);
        var image = await context.OpenAsync(source, new OpenMode { ForceShare = forceShare }, cancellationToken);
        await using (image)
            await MapAsync(image, start, length, cancellationToken);
        return 0;
    }

    private async ValueTask MapAsync(OpenImage image, long start, long length, CancellationToken cancellationToken)
    {
        if (!_json)
            context.Out.Write($"{"Offset",-16}{"Length",-16}{"Mapped to",-16}File\n");
        var end = length > image.Length - start ? image.Length : start + length;
        MapEntry? pending = null;
        for (var offset = start; offset < end;)
        {
            var (deepest, wanted) = Deepest(image.Node, offset, end);
            var status = await image.Queue.GetStatusAsync(offset, wanted, cancellationToken: cancellationToken);
            if (!status.Status.IsOk)
                throw new ToolException("Failed to read image metadata: " + ImageErrors.Text(status.Status.Errno));
            var entry = MapEntry.From(offset, status, deepest);
            if (pending?.TryMerge(entry) is { } merged)
            {
                pending = merged;
            }
            else
            {
                Print(pending);
                pending = entry;
            }

            offset += status.Bytes;
        }

        Print(pending ?? new MapEntry(start, 0, 0, false, false, false, null, null, null));
        if (_json)
            context.Out.Write("]\n");
    }

    /// <summary>
    /// The layer that is said to provide what none does: the last one, or the last that reaches so far.
    /// </summary>
    /// <returns>Its depth, and for how many bytes it is that one.</returns>
    private static (int Depth, long Bytes) Deepest(IGraphNode node, long offset, long end)
    {
        var depth = 0;
        var bytes = end - offset;
        for (var backing = node.Backing; backing is not null && offset < backing.Length; backing = backing.Backing)
        {
            bytes = Math.Min(bytes, backing.Length - offset);
            depth++;
        }

        return (depth, bytes);
    }

    private void Print(MapEntry? entry)
    {
        if (entry is not { } e)
            return;
        if (_json)
            PrintJson(e);
        else if (e is { Data: true, Zero: false })
            PrintHuman(e);
    }

    private void PrintHuman(MapEntry entry)
    {
        if (entry.HostOffset is not { } host)
            throw new ToolException("File contains external, encrypted or compressed clusters.");
        context.Out.Write($"{Hex(entry.Start),-16}{Hex(entry.Length),-16}{Hex(host),-16}{entry.File ?? ""}\n");
    }

    private void PrintJson(MapEntry entry)
    {
        context.Out.Write(_first ? "[" : ",\n");
        _first = false;
        context.Out.Write(
            $"{{ \"start\": {entry.Start}, \"length\": {entry.Length}, \"depth\": {entry.Depth}, \"present\": {Bool(entry.Present)}, "
            + $"\"zero\": {Bool(entry.Zero)}, \"data\": {Bool(entry.Data)}");
        if (entry.HostOffset is { } host)
            context.Out.Write($", \"offset\": {host}");
        if (entry.ForeignFile is { } file)
            context.Out.Write($", \"filename\": \"{JsonEncodedText.Encode(file)}\"");
        context.Out.Write('}');
    }

    private static string Hex(long value) => value == 0 ? "0" : $"0x{value:x}";

    private static string Bool(bool value) => value ? "true" : "false";
}

/// <summary>One range of the map.</summary>
internal readonly record struct MapEntry(
    long Start, long Length, int Depth, bool Present, bool Zero, bool Data, long? HostOffset, string? File, string? ForeignFile)
{
    /// <param name="deepest">What no layer provides is said to come from the last one.</param>
    public static MapEntry From(long offset, ChainStatus status, int deepest)
    {
        var hasOffset = (status.Flags & BlockStatusFlags.OffsetValid) != 0;
        return new(
            offset,
            status.Bytes,
            Math.Min(status.Depth, deepest),
            (status.Flags & (BlockStatusFlags.Allocated | BlockStatusFlags.Data)) != 0,
            (status.Flags & BlockStatusFlags.Zero) != 0,
            (status.Flags & BlockStatusFlags.Data) != 0,
            hasOffset ? status.HostOffset : null,
            hasOffset ? status.File?.FileName : null,
            null);
    }

    /// <summary>Null where <paramref name="next"/> does not continue this range.</summary>
    public MapEntry? TryMerge(MapEntry next)
    {
        var continues = next.Depth == Depth && next.Present == Present && next.Zero == Zero && next.Data == Data
            && next.File == File && next.HostOffset.HasValue == HostOffset.HasValue
            && (HostOffset is not { } host || next.HostOffset == host + Length);
        return continues ? this with { Length = Length + next.Length } : null;
    }
}
