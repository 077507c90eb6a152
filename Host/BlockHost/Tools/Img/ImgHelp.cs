// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;

namespace BlockHost.Tools.Img;

internal static class ImgHelp
{
    public static void Print(ToolConsole console)
    {
        Versions.Print(console, "qemu-img");
        console.Out.Write(
            $"""
            usage: {console.Name} [standard options] command [command options]
            Makes, examines, converts and compares disk images.

                '-h', '--help'       print this and exit
                '-V', '--version'    print the version and exit
                '-T', '--trace'      accepted for compatibility

            Commands:
              check [--object objectdef] [--image-opts] [-q] [-f fmt] [--output=ofmt] [-r [leaks | all]] [-T src_cache] [-U] filename
              compare [--object objectdef] [--image-opts] [-f fmt] [-F fmt] [-T src_cache] [-p] [-q] [-s] [-U] filename1 filename2
              convert [--object objectdef] [--image-opts] [--target-image-opts] [--target-is-zero] [-U] [-C] [-c] [-p] [-q] [-n] [-f fmt] [-t cache] [-T src_cache] [-O output_fmt] [-B backing_file [-F backing_fmt]] [-o options] [-S sparse_size] [-r rate_limit] [-m num_coroutines] [-W] [--salvage] filename [filename2 [...]] output_filename
              create [--object objectdef] [-q] [-f fmt] [-b backing_file [-F backing_fmt]] [-u] [-o options] filename [size]
              dd [--image-opts] [-U] [-f fmt] [-O output_fmt] [bs=block_size] [count=blocks] [skip=blocks] if=input of=output
              info [--object objectdef] [--image-opts] [-f fmt] [--output=ofmt] [--backing-chain] [-U] filename
              map [--object objectdef] [--image-opts] [-f fmt] [--start-offset=offset] [--max-length=len] [--output=ofmt] [-U] filename
              measure [--output=ofmt] [-O output_fmt] [-o options] [--size N | [--object objectdef] [--image-opts] [-f fmt] filename]
              resize [--object objectdef] [--image-opts] [-f fmt] [--preallocation=prealloc] [-q] [--shrink] filename [+ | -]size

            Arguments:
              filename      a path, a URL such as nbd://host/export, or json:{"{...}"} with a driver's options
              fmt           the image's format; guessed where it is not given, which is unwise for images from strangers
              cache         none, writeback (default), writethrough, directsync or unsafe (default of convert's target)
              size          bytes, or with a suffix k, M, G, T, P or E
              options       name=value,...; '-o help' lists those of a format
              -p            show progress
              -q            print nothing but errors
              -S size       runs of zeroes from this length on stay holes (default 4k; 0: write everything)
              -m number     pieces that convert has in flight (1 to 16, default 8)
              -W            convert may write out of order
              -n            the target exists already

            """);
    }
}
