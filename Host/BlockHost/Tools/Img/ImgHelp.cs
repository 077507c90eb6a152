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
          -S size       runs of zeroes from this length on stay holes (convert; default 4k; 0: write everything)
          -m number     pieces that convert has in flight (1 to 16, default 8)
          -W            convert may write out of order
          -n            the target of convert exists already
          -u            rebase: only change the name in the header; create: do not look at the backing file
          -r leaks|all  check: give lost clusters back, or mend all that is found
          -d            commit: leave the overlay as it is; snapshot: delete
          -b            commit: write into this image of the chain; rebase, create: the backing file ("": none)

        """;

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
        console.Out.Write($"{Syntax}\n{Parameters}\nSupported formats: {string.Join(' ', formats)}\n");
    }
}
