// SPDX-License-Identifier: MIT
using System.Diagnostics;
using BlockHost.Block;
using BlockHost.Images;

namespace BlockHost.Tools.Io.Commands;

/// <summary>What the three reads share: the request, verification, the dump and the statistics.</summary>
internal static class Reading
{
    public const string Options =
        "-C: statistics on one line, comma-separated\n-P: check that every byte is pattern\n-q: no statistics\n-v: dump what was read";

    /// <param name="Pattern">Every byte must be this.</param>
    /// <param name="CheckStart">First byte to check, from the start of the request.</param>
    public readonly record struct Request(long Offset, long Length, byte? Pattern, long CheckStart, long CheckLength, bool Dump, bool Machine, bool Quiet);

    /// <returns>Error lines; none: all is well.</returns>
    public static async ValueTask<IoCommandException?> RunAsync(IoSession session, Request request, IoSlice target, CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        var status = await session.Image!.Queue.ReadAsync(request.Offset, target, cancellationToken: cancellationToken);
        clock.Stop();
        if (!status.IsOk)
            return new IoCommandException($"read failed: {ImageErrors.Text(status.Errno)}");

        var mismatch = request.Pattern is { } pattern && !IsAll(target.Slice(request.CheckStart, request.CheckLength), pattern);
        if (mismatch)
            session.Out.Write($"Pattern verification failed at offset {request.Offset + request.CheckStart}, {request.CheckLength} bytes\n");
        if (!request.Quiet)
            Print(session, request, target, clock.Elapsed);
        return mismatch ? new IoCommandException() : null;
    }

    private static void Print(IoSession session, Request request, IoSlice target, TimeSpan elapsed)
    {
        if (request.Dump)
        {
            var bytes = new byte[target.Length];
            target.CopyTo(bytes);
            HexDump.Print(session.Out, bytes, request.Offset);
        }

        IoStatistics.Print(session.Out, "read", elapsed, request.Offset, request.Length, request.Length, request.Machine);
    }

    private static bool IsAll(IoSlice slice, byte pattern)
    {
        foreach (var segment in slice)
        {
            if (segment.Span.ContainsAnyExcept(pattern))
                return false;
        }

        return true;
    }
}

internal sealed class ReadCommand : IoCommand
{
    public override string Name => "read";

    public override string AlternativeName => "r";

    public override string Arguments => "[-abCqv] [-P pattern [-s off] [-l len]] off len";

    public override string Summary => "reads a number of bytes at a specified offset";

    public override string Details => Reading.Options + "\n-s, -l: check only this part of what was read (with -P)\n\nread -v 512 1k";

    public override int MinArguments => 2;

    public override int MaxArguments => int.MaxValue;

    public override async ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var arguments = new IoArguments(this, args, "abCl:pP:qs:v");
        arguments.Expect(2, 2);
        var request = Parse(arguments);
        var buffer = GC.AllocateUninitializedArray<byte>((int)request.Length);
        if (await Reading.RunAsync(session, request, buffer, cancellationToken) is { } error)
            throw error;
    }

    private static Reading.Request Parse(IoArguments arguments)
    {
        var (offset, length) = (arguments.Offset(0), arguments.Length(1));
        var pattern = arguments.Pattern();
        if (pattern is null && (arguments.Has('s') || arguments.Has('l')))
            throw new IoCommandException() { ShowUsage = true };
        var start = arguments['s'] is { } s ? IoArguments.Size(s) : 0;
        if (start > length)
            throw new IoCommandException("pattern verification range exceeds end of read data");
        var count = arguments['l'] is { } l ? IoArguments.Size(l) : length - start;
        if (count > length - start)
            throw new IoCommandException("pattern verification range exceeds end of read data");
        return new(offset, length, pattern, start, count, arguments.Has('v'), arguments.Has('C'), arguments.Has('q'));
    }
}

internal sealed class ReadVectorCommand : IoCommand
{
    public override string Name => "readv";

    public override string Arguments => "[-Cqv] [-P pattern] off len [len..]";

    public override string Summary => "reads a number of bytes at a specified offset";

    public override string Details => Reading.Options + "\n\nEach len is a buffer of its own.\n\nreadv -v 512 1k 1k";

    public override int MinArguments => 2;

    public override int MaxArguments => int.MaxValue;

    public override async ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var arguments = new IoArguments(this, args, "CP:qv");
        var (request, vector) = Vectors.ParseRead(arguments);
        if (await Reading.RunAsync(session, request, vector, cancellationToken) is { } error)
            throw error;
    }
}

internal sealed class AioReadCommand : IoCommand
{
    public override string Name => "aio_read";

    public override string Arguments => "[-Ciqv] [-P pattern] off len [len..]";

    public override string Summary => "asynchronously reads a number of bytes";

    public override string Details => Reading.Options + "\n\nGoes on behind the prompt; aio_flush waits for it.\n\naio_read -v 512 1k 1k";

    public override int MinArguments => 2;

    public override int MaxArguments => int.MaxValue;

    public override ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var (request, vector) = Vectors.ParseRead(new IoArguments(this, args, "CiP:qv"));
        session.Start(async () =>
        {
            if (await Reading.RunAsync(session, request, vector, cancellationToken) is { Lines: [var line, ..] })
                session.Out.Write($"{line.Replace("read failed", "aio_read failed", StringComparison.Ordinal)}\n");
        });
        return ValueTask.CompletedTask;
    }
}

/// <summary>Operands "off len [len..]".</summary>
internal static class Vectors
{
    public static (Reading.Request Request, IoVector Vector) ParseRead(IoArguments arguments)
    {
        var (offset, vector) = Parse(arguments);
        var request = new Reading.Request(
            offset, vector.Length, arguments.Pattern(), 0, vector.Length, arguments.Has('v'), arguments.Has('C'), arguments.Has('q'));
        return (request, vector);
    }

    public static (long Offset, IoVector Vector) Parse(IoArguments arguments)
    {
        arguments.Expect(2, int.MaxValue);
        var offset = arguments.Offset(0);
        var vector = new IoVector();
        for (var i = 1; i < arguments.Operands.Count; i++)
        {
            var length = arguments.Length(i);
            if (vector.Length + length > IoArguments.MaxLength)
                throw new IoCommandException("The total number of bytes exceed the maximum size");
            vector.Add(new byte[length]);
        }

        return (offset, vector);
    }
}
