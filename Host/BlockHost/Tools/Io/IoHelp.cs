// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;

namespace BlockHost.Tools.Io;

internal static class IoHelp
{
    public static void PrintUsage(ToolConsole console) => console.Out.Write(
        $"""
        Usage: {console.Name} [OPTIONS]... [-c STRING]... [file]
        Reads, writes and examines an image by hand.

          --object OBJECTDEF   make an object, such as a secret
          --image-opts         file is a list of options: driver=qcow2,file.filename=...
          -c, --cmd STRING     run a command; may be given several times
          -f, --format FMT     block driver of the image
          -r, --read-only      open for reading only
          -s, --snapshot       what is written goes to a temporary overlay
          -n, --nocache        bypass the host's cache, as -t none
          -C, --copy-on-read   copy what is read from backing files into the image
          -m, --misalign       let buffers start at odd addresses
          -k, --native-aio     as -i native
          -i, --aio=MODE       threads, native or io_uring
          -t, --cache=MODE     none, writeback, writethrough, directsync or unsafe
          -d, --discard=MODE   unmap or ignore
          -T, --trace SPEC     accepted for compatibility
          -U, --force-share    share the image with a writer
          -h, --help           print this and exit
          -V, --version        print the version and exit

        '{console.Name} -c help' lists the commands.

        """);

    public static void PrintCommands(IoSession session)
    {
        foreach (var command in IoCommands.All)
            session.Print($"{command.OneLine}\n");
        session.Print("\nUse 'help commandname' for extended help.\n");
    }

    public static void PrintCommand(IoSession session, IoCommand command)
    {
        session.Print($"{command.OneLine}\n");
        if (command.Details.Length > 0)
            session.Print($"{command.Details}\n");
    }
}
