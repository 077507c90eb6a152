// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;
using BlockHost.Composition;
using BlockHost.Plugins;

namespace BlockHost.Tools.Img;

/// <summary>One subcommand of qemu-img.</summary>
internal interface IImgCommand
{
    Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken);
}

/// <summary>qemu-img: picks the subcommand.</summary>
internal sealed class ImgTool(ToolConsole console, IHostFactory hosts) : ITool
{
    private static readonly SortedDictionary<string, Func<ImgContext, IImgCommand>> Commands = new(StringComparer.Ordinal)
    {
        ["amend"] = context => new AmendCommand(context),
        ["bench"] = context => new BenchCommand(context),
        ["bitmap"] = context => new BitmapCommand(context),
        ["check"] = context => new CheckCommand(context),
        ["commit"] = context => new CommitCommand(context),
        ["compact"] = context => new CompactCommand(context),
        ["compare"] = context => new CompareCommand(context),
        ["convert"] = context => new ConvertCommand(context),
        ["create"] = context => new CreateCommand(context),
        ["dd"] = context => new DdCommand(context),
        ["info"] = context => new InfoCommand(context),
        ["map"] = context => new MapCommand(context),
        ["measure"] = context => new MeasureCommand(context),
        ["rebase"] = context => new RebaseCommand(context),
        ["resize"] = context => new ResizeCommand(context),
        ["snapshot"] = context => new SnapshotCommand(context),
    };

    /// <summary>QEMU has no such command: under its name there is none here.</summary>
    public const string OwnCommand = "compact";

    public async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        try
        {
            return await RunCommandAsync(args, cancellationToken);
        }
        catch (ToolException e) when (e.WantsHelp)
        {
            if (e.HelpOf is { } command && console.HasOwnName)
            {
                ImgHelp.PrintCommand(console, command);
                return 0;
            }

            await using var host = await hosts.StartAsync(HostOptions.ForTool with { CanStartOver = true }, cancellationToken);
            ImgHelp.Print(console, host.Plugins.Of(ProvidedKind.Driver).Names);
            return 0;
        }
    }

    private async Task<int> RunCommandAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        if (args.Count == 0)
            throw ToolException.Usage("Not enough arguments");
        var rest = SkipGlobalOptions(args, out var answered);
        if (answered)
            return 0;
        if (rest.Count == 0)
            throw ToolException.Usage("Not enough arguments");
        if (!Commands.TryGetValue(rest[0], out var create) || (rest[0] == OwnCommand && !console.HasOwnName))
            throw ToolException.Unknown($"Command not found: {rest[0]}", rest[0], Commands.Keys);

        await using var context = new ImgContext(rest[0], console, hosts);
        return await create(context).RunAsync([.. rest.Skip(1)], cancellationToken);
    }

    /// <summary>Options before the subcommand.</summary>
    private IReadOnlyList<string> SkipGlobalOptions(IReadOnlyList<string> args, out bool answered)
    {
        answered = true;
        for (var i = 0; i < args.Count; i++)
        {
            switch (args[i])
            {
                case "-h" or "--help":
                    throw ImgContext.Help(command: null);
                case "-V" or "--version":
                    Versions.Print(console, "qemu-img");
                    return [];
                case "-T" or "--trace" when i + 1 == args.Count:
                    throw ToolException.Usage($"missing argument for option '{args[i]}'");
                case "-T" or "--trace":
                    i++;
                    break;
                case var option when option.StartsWith("--trace=", StringComparison.Ordinal):
                    break;
                case ['-', _, ..] option:
                    throw ToolException.Unknown($"unrecognized option '{option}'", option, ["--help", "--version", "--trace"]);
                default:
                    answered = false;
                    return [.. args.Skip(i)];
            }
        }

        answered = false;
        return [];
    }
}
