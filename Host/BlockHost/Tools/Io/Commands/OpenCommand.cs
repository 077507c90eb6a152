// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;
using BlockHost.Images;

namespace BlockHost.Tools.Io.Commands;

internal sealed class OpenCommand : IoCommand
{
    public override string Name => "open";

    public override string AlternativeName => "o";

    public override string Arguments => "[-rsCnkU] [-t cache] [-d discard] [-o options] [path]";

    public override string Summary => "open the file specified by path";

    public override string Details => IoHelpTexts.Open;

    public override int MinArguments => 1;

    public override int MaxArguments => int.MaxValue;

    public override bool NeedsImage => false;

    public override async ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var arguments = new IoArguments(this, args, "snCro:ki:t:d:U");
        var mode = new OpenMode
        {
            Writable = !arguments.Has('r'),
            Overlay = arguments.Has('s'),
            CopyOnRead = arguments.Has('C'),
            Cache = arguments['t'] is { } cache ? IoModes.Cache(cache) : arguments.Has('n') ? CacheMode.None : CacheMode.Durable,
            ForceShare = arguments.Has('U'),
            Discard = arguments['d'] is { } discard ? IoModes.Discard(discard) : "unmap",
            Aio = arguments['i'] is { } aio ? IoModes.Aio(aio) : arguments.Has('k') ? "native" : null,
        };
        var source = SourceOf(session, arguments);
        if (!await session.OpenAsync(source, mode, cancellationToken))
            throw new IoCommandException();
    }

    private static ImageSource SourceOf(IoSession session, IoArguments arguments)
    {
        if (session.ImageOptions && arguments.Has('o'))
            throw new IoCommandException("--image-opts and 'open -o' are mutually exclusive");
        arguments.Expect(0, 1);
        var path = arguments.Operands.FirstOrDefault();
        if (session.ImageOptions && path is not null)
            return ImageOptionText.Source(session.Console, path);
        if (arguments.Has('o'))
            return ImageOptionText.Source(session.Console, string.Join(',', arguments.All('o')), path);
        return path is not null ? new ImageSource(path) : throw new IoCommandException() { ShowUsage = true };
    }
}

/// <summary>Modes by name, of the shell's commands and of the tool's options.</summary>
internal static class IoModes
{
    public static CacheMode Cache(string name) =>
        CacheMode.TryParse(name, out var mode) ? mode.Value : throw new ToolException($"Invalid cache option: {name}");

    public static string Aio(string name) =>
        name is "threads" or "native" or "io_uring" ? name : throw new ToolException($"Invalid aio option: {name}");

    public static string Discard(string name) => name switch
    {
        "unmap" or "on" => "unmap",
        "ignore" or "off" => "ignore",
        _ => throw new ToolException($"Invalid discard option: {name}"),
    };
}
