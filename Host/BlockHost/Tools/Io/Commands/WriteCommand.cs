// SPDX-License-Identifier: MIT
using System.Diagnostics;
using BlockHost.Block;
using BlockHost.Images;

namespace BlockHost.Tools.Io.Commands;

/// <summary>What the three writes share.</summary>
internal static class Writing
{
    public const byte DefaultPattern = 0xcd;

    public readonly record struct Request(long Offset, long Length, bool Zeroes, WriteFlags Flags, ZeroFlags ZeroFlags, bool Machine, bool Quiet);

    /// <summary>Opening takes no write permission, the first write does.</summary>
    public static void CheckWritable(IoSession session)
    {
        if (!session.Writable)
            throw new BlockException(BlockErrorKind.ReadOnly, "Block node is read-only");
    }

    public static async ValueTask<IoCommandException?> RunAsync(IoSession session, Request request, IoSlice source, CancellationToken cancellationToken)
    {
        var queue = session.Image!.Queue;
        var clock = Stopwatch.StartNew();
        var status = request.Zeroes
            ? await queue.WriteZeroesAsync(request.Offset, request.Length, request.ZeroFlags, cancellationToken)
            : await queue.WriteAsync(request.Offset, source, request.Flags, cancellationToken);
        clock.Stop();
        if (!status.IsOk)
            return new IoCommandException($"write failed: {ImageErrors.Text(status.Errno)}");
        if (!request.Quiet)
            IoStatistics.Print(session.Out, "wrote", clock.Elapsed, request.Offset, request.Length, request.Length, request.Machine);
        return null;
    }

    public static ZeroFlags ZeroFlagsOf(IoArguments arguments) =>
        (arguments.Has('u') ? ZeroFlags.MayUnmap : 0) | (arguments.Has('n') ? ZeroFlags.NoFallback : 0) | (arguments.Has('f') ? ZeroFlags.Fua : 0);
}

internal sealed class WriteCommand : IoCommand
{
    public override string Name => "write";

    public override string AlternativeName => "w";

    public override string Arguments => "[-bcCfnquz] [-P pattern | -s source_file] off len";

    public override string Summary => "writes a number of bytes at a specified offset";

    public override string Details =>
        "-c: compressed\n-C: statistics on one line, comma-separated\n-f: durable when done (FUA)\n-n: with -z, fail rather than write slowly\n"
        + "-P: fill with pattern (default 0xcd)\n-q: no statistics\n-s: fill from a file, repeated\n-u: with -z, may unmap\n-z: write zeroes\n\nwrite 512 1k";

    public override int MinArguments => 2;

    public override int MaxArguments => int.MaxValue;

    public override async ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var arguments = new IoArguments(this, args, "bcCfnpP:qs:uz");
        arguments.Expect(2, 2);
        Check(arguments);
        var (offset, length) = (arguments.Offset(0), arguments.Length(1));
        var zeroes = arguments.Has('z');
        Writing.CheckWritable(session);
        var source = zeroes ? [] : Fill(arguments, (int)length);
        var flags = (arguments.Has('f') ? WriteFlags.Fua : 0) | (arguments.Has('c') ? WriteFlags.Compressed : 0);
        var request = new Writing.Request(offset, length, zeroes, flags, Writing.ZeroFlagsOf(arguments), arguments.Has('C'), arguments.Has('q'));
        if (await Writing.RunAsync(session, request, source, cancellationToken) is { } error)
            throw error;
    }

    private static void Check(IoArguments arguments)
    {
        if (arguments.Has('b') && (arguments.Has('c') || arguments.Has('z')))
            throw new IoCommandException("-b and -c/-z cannot be specified at the same time");
        if (arguments.Has('f') && (arguments.Has('b') || arguments.Has('c')))
            throw new IoCommandException("-f and -b or -c cannot be specified at the same time");
        if (arguments.Has('n') && !arguments.Has('z'))
            throw new IoCommandException("-n requires -z to be specified");
        if (arguments.Has('u') && !arguments.Has('z'))
            throw new IoCommandException("-u requires -z to be specified");
        if ((arguments.Has('z') ? 1 : 0) + (arguments.Has('P') ? 1 : 0) + (arguments.Has('s') ? 1 : 0) > 1)
            throw new IoCommandException("Only one of -z, -P, and -s can be specified at the same time");
    }

    private static byte[] Fill(IoArguments arguments, int length)
    {
        var pattern = arguments.Pattern() ?? Writing.DefaultPattern;
        var buffer = GC.AllocateUninitializedArray<byte>(length);
        if (arguments['s'] is { } file)
            FillFrom(file, buffer);
        else
            buffer.AsSpan().Fill(pattern);
        return buffer;
    }

    /// <summary>The file's bytes, again and again.</summary>
    private static void FillFrom(string path, byte[] buffer)
    {
        if (!File.Exists(path))
            throw new IoCommandException($"{path}: {ImageErrors.Text(Errno.ENOENT)}") { ToErrorStream = true };
        using var file = File.OpenRead(path);
        var count = file.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        if (count == 0)
            throw new IoCommandException($"{path}: file is empty") { ToErrorStream = true };
        for (var at = count; at < buffer.Length; at += count)
            buffer.AsSpan(0, Math.Min(count, buffer.Length - at)).CopyTo(buffer.AsSpan(at));
    }
}

internal sealed class WriteVectorCommand : IoCommand
{
    public override string Name => "writev";

    public override string Arguments => "[-Cfq] [-P pattern] off len [len..]";

    public override string Summary => "writes a number of bytes at a specified offset";

    public override string Details =>
        "-C: statistics on one line, comma-separated\n-f: durable when done (FUA)\n-P: fill with pattern (default 0xcd)\n-q: no statistics\n\nwritev 512 1k 1k";

    public override int MinArguments => 2;

    public override int MaxArguments => int.MaxValue;

    public override async ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var arguments = new IoArguments(this, args, "CfqP:");
        var (offset, vector) = Vectors.Parse(arguments);
        Writing.CheckWritable(session);
        vector.All.Fill(arguments.Pattern() ?? Writing.DefaultPattern);
        var flags = arguments.Has('f') ? WriteFlags.Fua : WriteFlags.None;
        var request = new Writing.Request(offset, vector.Length, Zeroes: false, flags, ZeroFlags.None, arguments.Has('C'), arguments.Has('q'));
        if (await Writing.RunAsync(session, request, vector, cancellationToken) is { } error)
            throw error;
    }
}

internal sealed class AioWriteCommand : IoCommand
{
    public override string Name => "aio_write";

    public override string Arguments => "[-Cfiquz] [-P pattern] off len [len..]";

    public override string Summary => "asynchronously writes a number of bytes";

    public override string Details =>
        "-C: statistics on one line, comma-separated\n-f: durable when done (FUA)\n-P: fill with pattern (default 0xcd)\n-q: no statistics\n"
        + "-u: with -z, may unmap\n-z: write zeroes\n\nGoes on behind the prompt; aio_flush waits for it.\n\naio_write 512 1k 1k";

    public override int MinArguments => 2;

    public override int MaxArguments => int.MaxValue;

    public override ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var arguments = new IoArguments(this, args, "CfiP:quz");
        var zeroes = arguments.Has('z');
        if (zeroes && arguments.Operands.Count != 2)
            throw new IoCommandException("-z supports only a single length parameter");
        if (arguments.Has('u') && !zeroes)
            throw new IoCommandException("-u requires -z to be specified");
        if (zeroes && arguments.Has('P'))
            throw new IoCommandException("-z and -P cannot be specified at the same time");
        Writing.CheckWritable(session);
        var (offset, vector) = zeroes ? (arguments.Offset(0), new IoVector()) : Vectors.Parse(arguments);
        vector.All.Fill(arguments.Pattern() ?? Writing.DefaultPattern);
        var length = zeroes ? arguments.Length(1) : vector.Length;
        var flags = arguments.Has('f') ? WriteFlags.Fua : WriteFlags.None;
        var request = new Writing.Request(offset, length, zeroes, flags, Writing.ZeroFlagsOf(arguments), arguments.Has('C'), arguments.Has('q'));
        session.Start(async () =>
        {
            if (await Writing.RunAsync(session, request, vector, cancellationToken) is { Lines: [var line, ..] })
                session.Out.Write($"{line.Replace("write failed", "aio_write failed", StringComparison.Ordinal)}\n");
        });
        return ValueTask.CompletedTask;
    }
}

internal sealed class DiscardCommand : IoCommand
{
    public override string Name => "discard";

    public override string AlternativeName => "d";

    public override string Arguments => "[-Cq] off len";

    public override string Summary => "discards a number of bytes at a specified offset";

    public override string Details => "-C: statistics on one line, comma-separated\n-q: no statistics\n\ndiscard 512 1k";

    public override int MinArguments => 2;

    public override int MaxArguments => int.MaxValue;

    public override async ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var arguments = new IoArguments(this, args, "Cq");
        arguments.Expect(2, 2);
        var (offset, length) = (arguments.Offset(0), arguments.Length(1));
        Writing.CheckWritable(session);
        var clock = Stopwatch.StartNew();
        var status = await session.Image!.Queue.DiscardAsync(offset, length, cancellationToken);
        if (!status.IsOk)
            throw new IoCommandException($"discard failed: {ImageErrors.Text(status.Errno)}");
        if (!arguments.Has('q'))
            IoStatistics.Print(session.Out, "discard", clock.Elapsed, offset, length, length, arguments.Has('C'));
    }
}
