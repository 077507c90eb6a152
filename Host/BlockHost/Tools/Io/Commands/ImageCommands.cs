// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Images;

namespace BlockHost.Tools.Io.Commands;

internal sealed class FlushCommand : IoCommand
{
    public override string Name => "flush";

    public override string AlternativeName => "f";

    public override string Summary => "flush all in-core file state to disk";

    public override async ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var status = await session.Image!.Queue.FlushAsync(cancellationToken);
        if (!status.IsOk)
            throw new IoCommandException();
    }
}

internal sealed class LengthCommand : IoCommand
{
    public override string Name => "length";

    public override string AlternativeName => "l";

    public override string Summary => "gets the length of the current file";

    public override ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        session.Out.Write($"{IoStatistics.Amount(session.Image!.Length)}\n");
        return ValueTask.CompletedTask;
    }
}

internal sealed class TruncateCommand : IoCommand
{
    public override string Name => "truncate";

    public override string AlternativeName => "t";

    public override string Arguments => "[-m prealloc_mode] off";

    public override string Summary => "truncates the current file at the given offset";

    public override int MinArguments => 1;

    public override int MaxArguments => 3;

    public override async ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var arguments = new IoArguments(this, args, "m:");
        arguments.Expect(1, 1);
        var mode = arguments['m'] switch
        {
            null or "off" => PreallocationMode.Off,
            "metadata" => PreallocationMode.Metadata,
            "falloc" => PreallocationMode.Falloc,
            "full" => PreallocationMode.Full,
            var other => throw new BlockException(BlockErrorKind.InvalidArgument, $"invalid parameter value: {other}"),
        };
        var length = arguments.Offset(0);
        Writing.CheckWritable(session);
        await session.Image!.Node.ResizeAsync(length, new ResizeOptions(mode, MayExceed: true), cancellationToken);
    }
}

internal sealed class InfoCommand : IoCommand
{
    public override string Name => "info";

    public override string AlternativeName => "i";

    public override string Summary => "prints information about the current file";

    public override async ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var node = session.Image!.Node;
        var facts = await node.GetFactsAsync(cancellationToken);
        session.Out.Write($"format name: {node.Driver.FormatName}\n");
        session.Out.Write($"cluster size: {IoStatistics.Amount(facts.ClusterSize)}\nvm state offset: {IoStatistics.Amount(facts.VmStateOffset)}\n");
        if (facts.Specific is not { } specific)
            return;
        session.Out.Write("Format specific information:\n");
        QemuJson.WriteHuman(session.Out, JsonObject.Create(specific)!, indentation: 1);
    }
}

internal sealed class MapCommand : IoCommand
{
    public override string Name => "map";

    public override string Summary => "prints the allocated areas of a file";

    public override async ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var image = session.Image!;
        for (var offset = 0L; offset < image.Length;)
        {
            var (allocated, length) = await Allocation.RunAsync(image, offset, image.Length - offset, cancellationToken);
            var state = allocated ? "    allocated" : "not allocated";
            session.Out.Write(
                $"{IoStatistics.Amount(length)} (0x{length:x}) bytes {state} at offset {IoStatistics.Amount(offset)} (0x{offset:x})\n");
            offset += length;
        }
    }
}

internal sealed class AllocCommand : IoCommand
{
    public override string Name => "alloc";

    public override string AlternativeName => "a";

    public override string Arguments => "offset [count]";

    public override string Summary => "checks if offset is allocated in the file";

    public override int MinArguments => 1;

    public override int MaxArguments => 2;

    public override async ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var start = IoArguments.Size(args[0]);
        var count = args.Count > 1 ? IoArguments.Size(args[1]) : 512;
        var sum = 0L;
        for (var offset = start; offset < start + count;)
        {
            var (allocated, length) = await Allocation.RunAsync(session.Image!, offset, start + count - offset, cancellationToken);
            if (length == 0)
                break;
            sum += allocated ? length : 0;
            offset += length;
        }

        session.Out.Write($"{sum}/{count} bytes allocated at offset {IoStatistics.Amount(start)}\n");
    }
}

/// <summary>Runs of bytes that the image itself, not its backing file, provides.</summary>
internal static class Allocation
{
    public static async ValueTask<(bool Allocated, long Length)> RunAsync(OpenImage image, long offset, long limit, CancellationToken cancellationToken)
    {
        var first = await StatusAsync(image, offset, limit, cancellationToken);
        var (allocated, length) = (IsOwn(first), first.Bytes);
        while (length < limit && offset + length < image.Length)
        {
            var next = await StatusAsync(image, offset + length, limit - length, cancellationToken);
            if (IsOwn(next) != allocated)
                break;
            length += next.Bytes;
        }

        return (allocated, length);
    }

    private static bool IsOwn(ChainStatus status) => status.Depth == 0 && (status.Flags & BlockStatusFlags.Allocated) != 0;

    private static async ValueTask<ChainStatus> StatusAsync(OpenImage image, long offset, long bytes, CancellationToken cancellationToken)
    {
        var status = await image.Queue.GetStatusAsync(offset, bytes, StatusPrecision.AllocationOnly, cancellationToken);
        return status.Status.IsOk ? status : throw new IoCommandException($"is_allocated failed: {ImageErrors.Text(status.Status.Errno)}");
    }
}
