// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;

namespace BlockHost;

/// <summary>blockhost without a subcommand: help and version.</summary>
internal sealed class FrontDoor(ToolConsole console) : ITool
{
    public Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        switch (args)
        {
            case [] or ["-h" or "--help" or "help", ..]:
                PrintHelp();
                return Task.FromResult(args.Count == 0 ? 1 : 0);
            case ["-V" or "--version", ..]:
                console.Out.Write(
                    $"blockhost {Versions.Own} (contract {Contract.Major}.{Contract.Minor}, as QEMU {Versions.Qemu})\n");
                return Task.FromResult(0);
            case [['-', ..] option, ..]:
                throw ToolException.Unknown($"unrecognized option '{option}'", option, ["--help", "--version"]);
            default:
                throw ToolException.Unknown($"'{args[0]}' is not a subcommand", args[0], CalledAs.SubcommandNames);
        }
    }

    private void PrintHelp() => console.Out.Write(
        """
        A block-storage daemon and tool set whose drivers, exports and commands are plugins.

        blockhost serve [OPTIONS]    the daemon; without options: a disk of its own, over NBD
        blockhost img COMMAND ...    make, examine, convert and compare images (qemu-img)
        blockhost io ...             read and write images by hand (qemu-io)
        blockhost nbd ...            serve one image over NBD (qemu-nbd)
        blockhost jobs [COMMAND]     watch and steer the jobs of a running daemon
        blockhost shell [COMMAND]    the monitor for people of a running daemon
        blockhost replay LOG IMAGE   make an image what it was at any moment, from a log of writes
        blockhost plugin COMMAND     list plugins and show what they provide

        blockhost --version          print the version
        blockhost SUBCOMMAND --help  tell more about one of them

        serve, img, io, nbd, replay and plugin take --plugin-path DIR, --manifests DIR (more plugins) and --composition NAME.

        Called as qemu-img, qemu-io, qemu-nbd or qemu-storage-daemon the program behaves as that tool.

        """);
}
