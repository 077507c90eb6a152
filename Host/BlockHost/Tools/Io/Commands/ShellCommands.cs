// SPDX-License-Identifier: MIT
using System.Globalization;
using BlockHost.Images;

namespace BlockHost.Tools.Io.Commands;

internal sealed class AioFlushCommand : IoCommand
{
    public override string Name => "aio_flush";

    public override string Summary => "completes all outstanding aio requests";

    public override ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken) => session.FinishAsync();
}

internal sealed class CloseCommand : IoCommand
{
    public override string Name => "close";

    public override string AlternativeName => "c";

    public override string Summary => "close the current open file";

    public override ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken) => session.CloseAsync();
}

internal sealed class HelpCommand : IoCommand
{
    public override string Name => "help";

    public override string AlternativeName => "?";

    public override string Arguments => "[command]";

    public override string Summary => "help for one or all commands";

    public override int MaxArguments => 1;

    public override bool NeedsImage => false;

    public override ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        if (args.Count == 0)
        {
            IoHelp.PrintCommands(session.Out);
            return ValueTask.CompletedTask;
        }

        IoHelp.PrintCommand(session.Out, IoCommands.Find(args[0]) ?? throw new IoCommandException($"command {args[0]} not found"));
        return ValueTask.CompletedTask;
    }
}

internal sealed class OpenCommand : IoCommand
{
    public override string Name => "open";

    public override string AlternativeName => "o";

    public override string Arguments => "[-rsCnkU] [-t cache] [-d discard] [-o options] [path]";

    public override string Summary => "open the file specified by path";

    public override string Details =>
        "-r: for reading only\n-n: bypass the host's cache\n-U: share with a writer\n-t: cache mode\n-d: unmap or ignore\n-o: driver options\n\nopen -n -o driver=raw disk.img";

    public override int MaxArguments => int.MaxValue;

    public override bool NeedsImage => false;

    public override async ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var arguments = new IoArguments(this, args, "snCro:ki:t:d:U");
        arguments.Expect(0, 1);
        if (arguments.Has('s') || arguments.Has('C'))
            throw new IoCommandException("Temporary overlays (-s) and copy on read (-C) are not available");
        var mode = new OpenMode
        {
            Writable = !arguments.Has('r'),
            Cache = CacheOf(arguments),
            ForceShare = arguments.Has('U'),
            Discard = arguments['d'],
            Aio = arguments.Has('k') ? "native" : arguments['i'],
        };
        if (!await session.OpenAsync(SourceOf(arguments), mode, cancellationToken))
            throw new IoCommandException();
    }

    private static CacheMode CacheOf(IoArguments arguments)
    {
        if (arguments['t'] is not { } name)
            return arguments.Has('n') ? CacheMode.None : CacheMode.Writeback;
        return CacheMode.TryParse(name, out var mode) ? mode.Value : throw new IoCommandException($"Invalid cache option: {name}");
    }

    private static ImageSource SourceOf(IoArguments arguments) => (arguments['o'], arguments.Operands) switch
    {
        ({ } options, []) => new(options, IsOptions: true),
        ({ } options, [var path, ..]) => new($"{options},file.filename={path.Replace(",", ",,", StringComparison.Ordinal)}", IsOptions: true),
        (null, [var path, ..]) => new(path),
        _ => throw new IoCommandException() { ShowUsage = true },
    };
}

internal sealed class ReopenCommand : IoCommand
{
    public override string Name => "reopen";

    public override string Arguments => "[(-r|-w)] [-c cache]";

    public override string Summary => "reopens an image with new options";

    public override string Details => "-r: for reading only\n-w: for writing\n-c: cache mode";

    public override int MaxArguments => int.MaxValue;

    public override ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var arguments = new IoArguments(this, args, "c:rw");
        arguments.Expect(0, 0);
        if (arguments.Has('r') && arguments.Has('w'))
            throw new IoCommandException("Only one -r/-w option may be given");
        var mode = session.Defaults with { Writable = arguments.Has('w') || (!arguments.Has('r') && session.Writable) };
        if (arguments['c'] is { } cache)
            mode = mode with { Cache = CacheMode.TryParse(cache, out var parsed) ? parsed.Value : throw new IoCommandException($"Invalid cache option: {cache}") };
        return session.ReopenAsync(mode, cancellationToken);
    }
}

internal sealed class QuitCommand : IoCommand
{
    public override string Name => "quit";

    public override string AlternativeName => "q";

    public override string Summary => "exit the program";

    public override bool NeedsImage => false;

    public override ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken) => ValueTask.CompletedTask;
}

internal sealed class SleepCommand : IoCommand
{
    public override string Name => "sleep";

    public override string Summary => "waits for the given value in milliseconds";

    public override int MinArguments => 1;

    public override int MaxArguments => 1;

    public override bool NeedsImage => false;

    public override ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken) =>
        int.TryParse(args[0], NumberStyles.None, CultureInfo.InvariantCulture, out var milliseconds)
            ? new(Task.Delay(milliseconds, cancellationToken))
            : throw new IoCommandException($"{args[0]} is not a time in milliseconds");
}
