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
        session.Print($"{IoStatistics.Amount(session.Image!.Length)}\n");
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

    public override bool NeedsWriting => true;

    public override async ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var arguments = new IoArguments(this, args, "m:");
        arguments.Expect(1, 2);
        var mode = arguments['m'] switch
        {
            null or "off" => PreallocationMode.Off,
            "metadata" => PreallocationMode.Metadata,
            "falloc" => PreallocationMode.Falloc,
            "full" => PreallocationMode.Full,
            var other => throw new BlockException(BlockErrorKind.InvalidArgument, $"Invalid preallocation mode '{other}'"),
        };
        var length = arguments.Offset(0);
        await session.Image!.ResizeAsync(length, new ResizeOptions(mode, MayExceed: true), cancellationToken);
    }
}

internal sealed class InfoCommand : IoCommand
{
    public override string Name => "info";

    public override string AlternativeName => "i";

    public override string Summary => "prints information about the current file";

    public override async ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var node = session.Image!.Unfiltered;
        var facts = await node.GetFactsAsync(cancellationToken);
        session.Print($"format name: {node.Driver.FormatName}\n");
        if (!facts.IsKnown)
            return;
        session.Print(
            $"cluster size: {IoStatistics.Amount(facts.ClusterSize)}\nvm state offset: {IoStatistics.Amount(facts.VmStateOffset)}\n");
        if (facts.Specific is not { } specific)
            return;
        session.Print("Format specific information:\n");
        var text = new StringWriter();
        QemuJson.WriteHuman(text, JsonObject.Create(specific)!, indentation: 1);
        session.Print(text.ToString());
    }
}

internal sealed class MapCommand : IoCommand
{
    public override string Name => "map";

    public override string Arguments => "";

    public override string Summary => "prints the allocated areas of a file";

    public override async ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var image = session.Image!;
        for (var offset = 0L; offset < image.Length;)
        {
            var (allocated, length) = await RunAsync(image, offset, cancellationToken);
            var state = allocated ? "    allocated" : "not allocated";
            session.Print(
                $"{IoStatistics.Amount(length)} (0x{length:x}) bytes {state} at offset {IoStatistics.Amount(offset)} (0x{offset:x})\n");
            offset += length;
        }
    }

    private static async ValueTask<(bool Allocated, long Length)> RunAsync(
        OpenImage image, long offset, CancellationToken cancellationToken)
    {
        try
        {
            return await Allocation.RunAsync(image, offset, image.Length - offset, cancellationToken);
        }
        catch (BlockException e)
        {
            throw new IoCommandException($"qemu-io: Failed to get allocation status: {ImageErrors.Text(e.Errno)}")
            { ToErrorStream = true };
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
        var start = IoNumbers.Size(args[0]);
        var count = args.Count > 1 ? IoNumbers.Size(args[1]) : 512;
        var sum = 0L;
        var end = (Int128)start + count;
        for (var offset = start; offset < end;)
        {
            if (offset >= session.Image!.Length)
            {
                count = offset - start;
                break;
            }

            var (allocated, length) = await RunAsync(session.Image, offset, (long)(end - offset), cancellationToken);
            sum += allocated ? length : 0;
            offset += length;
        }

        session.Print($"{sum}/{count} bytes allocated at offset {IoStatistics.Amount(start)}\n");
    }

    private static async ValueTask<(bool Allocated, long Length)> RunAsync(
        OpenImage image, long offset, long limit, CancellationToken cancellationToken)
    {
        try
        {
            return await Allocation.RunAsync(image, offset, limit, cancellationToken);
        }
        catch (BlockException e)
        {
            throw new IoCommandException($"is_allocated failed: {ImageErrors.Text(e.Errno)}");
        }
    }
}

/// <summary>Runs of bytes that the image itself, not its backing file, provides.</summary>
internal static class Allocation
{
    public static async ValueTask<(bool Allocated, long Length)> RunAsync(
        OpenImage image, long offset, long limit, CancellationToken cancellationToken)
    {
        limit = Math.Min(limit, image.Length - offset);
        var first = await StatusAsync(image, offset, limit, cancellationToken);
        var (allocated, length) = (IsOwn(first), first.Bytes);
        while (length < limit)
        {
            var next = await StatusAsync(image, offset + length, limit - length, cancellationToken);
            if (IsOwn(next) != allocated)
                break;
            length += next.Bytes;
        }

        return (allocated, length);
    }

    private static bool IsOwn(ChainStatus status) => status.Depth == 0 && (status.Flags & BlockStatusFlags.Allocated) != 0;

    private static async ValueTask<ChainStatus> StatusAsync(
        OpenImage image, long offset, long bytes, CancellationToken cancellationToken)
    {
        var status = await image.Queue.GetStatusAsync(offset, bytes, StatusPrecision.AllocationOnly, cancellationToken);
        return status.Status.IsOk
            ? status
            : throw new BlockException(BlockErrorKind.Io, ImageErrors.Text(status.Status.Errno), status.Status.Errno);
    }
}
