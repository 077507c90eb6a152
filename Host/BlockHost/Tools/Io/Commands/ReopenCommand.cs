// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;
using BlockHost.Images;

namespace BlockHost.Tools.Io.Commands;

internal sealed class ReopenCommand : IoCommand
{
    public override string Name => "reopen";

    public override string Arguments => "[(-r|-w)] [-c cache] [-o options]";

    public override string Summary => "reopens an image with new options";

    public override string Details => IoHelpTexts.Reopen;

    public override int MaxArguments => int.MaxValue;

    public override async ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var arguments = new IoArguments(this, args, "c:o:rw");
        var cache = arguments['c'] is { } name ? IoModes.Cache(name) : (CacheMode?)null;
        if (arguments.Count('r') + arguments.Count('w') > 1)
            throw new ToolException("Only one -r/-w option may be given");
        var options = ImageOptionText.Parse(session.Console, string.Join(',', arguments.All('o')));
        arguments.Expect(0, 0);
        var change = new ImageReopening
        {
            Options = options,
            Cache = cache,
            Writable = arguments.Has('w') ? true : arguments.Has('r') ? false : null,
        };
        await session.ReopenAsync(change, cancellationToken);
    }
}
