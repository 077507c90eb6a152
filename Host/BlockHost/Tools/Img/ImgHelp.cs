// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;

namespace BlockHost.Tools.Img;

/// <summary>The help. Programs read two parts of QEMU's: the options of each command, and the formats.</summary>
internal static class ImgHelp
{
    private const string Syntax = """
        Command syntax:
          amend [--object objectdef] [--image-opts] [-p] [-q] [-f fmt] [-t cache] [--force] -o options filename
          bench [-c count] [-d depth] [-f fmt] [--flush-interval=flush_interval] [-i aio] [-n] [--no-drain] [-o offset] [--pattern=pattern] [-q] [-s buffer_size] [-S step_size] [-t cache] [-w] [-U] filename
          bitmap (--merge SOURCE | --add | --remove | --clear | --enable | --disable)... [-b source_file [-F source_fmt]] [-g granularity] [--object objectdef] [--image-opts | -f fmt] filename bitmap
          check [--object objectdef] [--image-opts] [-q] [-f fmt] [--output=ofmt] [-r [leaks | all]] [-T src_cache] [-U] filename
          commit [--object objectdef] [--image-opts] [-q] [-f fmt] [-t cache] [-b base] [-r rate_limit] [-d] [-p] filename
          compact [--object objectdef] [--image-opts] [-f fmt] [-p] [-q] filename
          compare [--object objectdef] [--image-opts] [-f fmt] [-F fmt] [-T src_cache] [-p] [-q] [-s] [-U] filename1 filename2
          convert [--object objectdef] [--image-opts] [--target-image-opts] [--target-is-zero] [--bitmaps] [-U] [-C] [-c] [-p] [-q] [-n] [-f fmt] [-t cache] [-T src_cache] [-O output_fmt] [-B backing_file [-F backing_fmt]] [-o options] [-l snapshot_param] [-S sparse_size] [-r rate_limit] [-m num_coroutines] [-W] [--salvage] filename [filename2 [...]] output_filename
          create [--object objectdef] [-q] [-f fmt] [-b backing_file [-F backing_fmt]] [-u] [-o options] filename [size]
          dd [--image-opts] [-U] [-f fmt] [-O output_fmt] [bs=block_size] [count=blocks] [skip=blocks] if=input of=output
          info [--object objectdef] [--image-opts] [-f fmt] [--output=ofmt] [--backing-chain] [-U] filename
          map [--object objectdef] [--image-opts] [-f fmt] [--start-offset=offset] [--max-length=len] [--output=ofmt] [-U] filename
          measure [--output=ofmt] [-O output_fmt] [-o options] [--size N | [--object objectdef] [--image-opts] [-f fmt] [-l snapshot_param] filename]
          snapshot [--object objectdef] [--image-opts] [-U] [-q] [-l | -a snapshot | -c snapshot | -d snapshot] filename
          rebase [--object objectdef] [--image-opts] [-U] [-q] [-f fmt] [-t cache] [-T src_cache] [-p] [-u] -b backing_file [-F backing_fmt] filename
          resize [--object objectdef] [--image-opts] [-f fmt] [--preallocation=prealloc] [-q] [--shrink] filename [+ | -]size

        """;

    private const string Parameters = """
        Parameters:
          filename      a path, a URL such as nbd://host/export, or json:{...} with a driver's options
          fmt           the image's format; guessed where it is not given, which is unwise for images from strangers
          cache         none, writeback (default), writethrough, directsync or unsafe (default of convert's target)
          size          bytes, or with a suffix k, M, G, T, P or E
          options       name=value,...; '-o help' lists those of a format
          snapshot_param  snapshot.id=ID,snapshot.name=NAME, or one of the two alone
          -p            show progress; --progress=json writes it to standard error as lines of JSON
          -q            print nothing but errors
          -U            open the image although somebody else is writing it
          -S size       convert: runs of zeroes from this length on stay holes (default 4k; 0: write everything)
          -m number     pieces that convert has in flight (1 to 16, default 8)
          -W            convert may write out of order
          -n            convert: the target exists already
          -u            rebase: only change the name in the header; create: do not look at the backing file
          -r leaks|all  check: give lost clusters back, or mend all that is found
          -d            commit: leave the overlay as it is; snapshot: delete
          -b            commit: write into this image of the chain; create: the backing file; rebase: the same ("": none)

        """;

    /// <summary>What QEMU's tool does not have; it is not listed under its name.</summary>
    private const string OwnSyntax = " [--for platform]";

    private const string OwnParameter = """
          platform      where the image is to run: azure, hyperv, esxi, virtualbox, aws or gcp. Format, options and size are what it takes

        """;

    private static readonly Dictionary<string, string> Purposes = new(StringComparer.Ordinal)
    {
        ["amend"] = "Changes options of an image that can be changed after its creation.",
        ["bench"] = "Measures how fast an image reads or, with -w, writes: what it holds is overwritten.",
        ["bitmap"] = "Adds, removes, clears, enables, disables or merges dirty bitmaps that an image keeps.",
        ["check"] = "Looks for damage in an image, and with -r mends it.",
        ["commit"] = "Writes what an overlay holds into its backing file.",
        ["compact"] = "Takes the holes out of an image: moves what lies at its end, and cuts the file.",
        ["compare"] = "Tells whether two images have the same content.",
        ["convert"] = "Copies images, one behind the other, into a new one of another format or with other options.",
        ["create"] = "Makes a new image.",
        ["dd"] = "Copies a part of an image.",
        ["info"] = "Shows what an image is.",
        ["map"] = "Shows where an image's data is.",
        ["measure"] = "Tells how much space a new image would take.",
        ["rebase"] = "Gives an overlay another backing file.",
        ["resize"] = "Makes an image larger or, with --shrink, smaller.",
        ["snapshot"] = "Lists, makes, applies and deletes the snapshots inside an image.",
    };

    /// <summary>The help of one subcommand: its syntax, and the parameters that stand in it.</summary>
    public static void PrintCommand(ToolConsole console, string command)
    {
        var syntax = Lines(SyntaxFor(console)).Single(line => line.StartsWith(command + " ", StringComparison.Ordinal));
        console.Out.Write($"usage: {console.Name} {syntax}\n{Purposes[command]}\n\n");
        foreach (var line in Lines(Parameters + "\n" + OwnParameter).Where(line => Concerns(line, command, syntax)))
            console.Out.Write($"  {line}\n");
        console.Out.Write($"\n'{console.Name} --help' lists all commands.\n");
    }

    /// <summary>
    /// A parameter's line begins with how the syntax names it; in some, what follows is said for each command ("check: ").
    /// </summary>
    private static bool Concerns(string parameter, string command, string syntax)
    {
        var name = parameter[..parameter.IndexOf(' ')];
        var isSaidForEach = Purposes.Keys.Any(other => parameter.Contains($" {other}: ", StringComparison.Ordinal));
        return syntax.Split(' ', '[', ']', '|').Any(word => IsNamed(word, name))
            && (!isSaidForEach || parameter.Contains($" {command}: ", StringComparison.Ordinal));
    }

    /// <summary>"filename2" is a "filename", "src_cache" a "cache" and "ofmt" a "fmt".</summary>
    private static bool IsNamed(string word, string name) =>
        word.TrimEnd('1', '2') == name || word == "o" + name || word.EndsWith("_" + name, StringComparison.Ordinal);

    private static string SyntaxFor(ToolConsole console) =>
        console.HasOwnName
            ? Syntax.Replace("  convert ", $"  convert{OwnSyntax} ", StringComparison.Ordinal)
            : string.Join('\n', Syntax.Split('\n').Where(line => !IsOwn(line)));

    private static bool IsOwn(string line) => line.StartsWith($"  {ImgTool.OwnCommand} ", StringComparison.Ordinal);

    private static IEnumerable<string> Lines(string block) =>
        block.Split('\n').Skip(1).Select(line => line.Trim()).Where(line => line.Length > 0);

    public static void Print(ToolConsole console, IEnumerable<string> formats)
    {
        Versions.Print(console, "qemu-img");
        console.Out.Write(
            $"""
            usage: {console.Name} [standard options] command [command options]
            Makes, examines, changes, converts and compares disk images.

                '-h', '--help'       print this and exit
                '-V', '--version'    print the version and exit
                '-T', '--trace'      accepted for compatibility


            """);
        console.Out.Write($"{SyntaxFor(console)}\n{Parameters}{(console.HasOwnName ? OwnParameter : "")}\nSupported formats: {string.Join(' ', formats)}\n");
    }
}
