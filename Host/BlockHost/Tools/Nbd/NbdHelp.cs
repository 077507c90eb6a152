// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;

namespace BlockHost.Tools.Nbd;

internal static class NbdHelp
{
    public static void Print(ToolConsole console) => console.Out.Write(
        $"""
        Usage: {console.Name} [OPTIONS] FILE
          or:  {console.Name} -L [OPTIONS]
        Serves an image over NBD.

          -p, --port=PORT           port to listen on (default 10809)
          -b, --bind=HOST           address to listen on (default 0.0.0.0)
          -k, --socket=PATH         listen on a Unix socket
          -e, --shared=NUM          clients at once (default 1; 0: any number)
          -t, --persistent          go on after the last client
          -x, --export-name=NAME    name of the export (default: empty)
          -D, --description=TEXT    description of the export
          -o, --offset=OFFSET       serve the image from this byte on
          -A, --allocation-depth    offer the allocation depth
          -B, --bitmap=NAME         offer a dirty bitmap
          -L, --list                list the exports of another server
              --object TYPE,id=ID   make an object, such as TLS credentials
              --tls-creds=ID        use TLS
              --tls-authz=ID        let only these clients in
              --tls-hostname=NAME   name that the certificate of the server to list must have
              --selinux-label=LABEL label of the socket
              --fork                go to the background when the server runs
              --pid-file=PATH       write the process's number to a file

          -f, --format=FORMAT       format of the image
          -r, --read-only           serve for reading only
          -l, --load-snapshot=SNAP  serve an internal snapshot, by its id or name
          -s, --snapshot            keep what is written apart, and drop it at the end
          -n, --nocache             bypass the host's cache, as --cache=none
              --cache=MODE          none, writeback, writethrough, directsync or unsafe
              --aio=MODE            threads, native or io_uring
              --discard=MODE        ignore or unmap
              --detect-zeroes=MODE  off, on or unmap
              --image-opts          FILE is a list of options: driver=qcow2,file.filename=...

          -c, --connect=DEV         attach the image to the kernel's device DEV (/dev/nbd0), until it is disconnected
          -d, --disconnect DEV      disconnect that device

          -T, --trace SPEC          accepted for compatibility
          -v, --verbose             accepted for compatibility
          -h, --help                print this and exit
          -V, --version             print the version and exit

        -c and -d need the kernel's module nbd and, as a rule, root.

        """);
}
