// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;

namespace BlockHost.Tools.Daemon;

internal static class DaemonHelp
{
    /// <param name="own">Tell blockhost's own options, too.</param>
    public static void Print(ToolConsole console, bool own)
    {
        console.Out.Write(
            $"""
            Usage: {console.Name} [options]
            Opens block devices, exports them and takes commands over QMP.

              --object TYPE,id=ID,...        make an object, such as a secret or TLS credentials
              --chardev TYPE,id=ID,...       open a character device (socket, stdio, ...)
              --monitor chardev=ID[,pretty]  take QMP commands from it
              --blockdev driver=DRIVER,node-name=NAME,...
                                             open a block device; JSON or key=value
              --nbd-server addr.type=inet,addr.host=HOST,addr.port=PORT[,tls-creds=ID][,max-connections=N]
              --nbd-server addr.type=unix,addr.path=PATH[,tls-creds=ID][,max-connections=N]
                                             start the NBD server
              --export type=TYPE,id=ID,node-name=NAME[,writable=on],...
                                             export a block device
              --daemonize                    go to the background when all is open
              --pidfile PATH                 write the process's number to a file
              -T, --trace [enable=]PATTERN[,events=FILE][,file=FILE]
                                             log what the matching categories have to say
              -h, --help                     print this and exit
              -V, --version                  print the version and exit

            Options take effect in their order.

            """);
        if (own)
            PrintOwn(console);
    }

    private static void PrintOwn(ToolConsole console) => console.Out.Write(
        """

        Without any of these a disk of its own is served to this user alone, at Unix sockets for NBD and QMP.

          --state DIR                    where that disk is kept (default: blockhost in the user's state folder)
          --port PORT                    serve it at a TCP port of this machine as well, to all of its users
          --plugin-path DIR              more plugins, a folder each; may be given several times
          --manifests DIR                more manifests of plugins; may be given several times
          --composition NAME             only the plugins of a composition: a file, or a name beside the manifests
          --audit-log FILE               log every command, who sent it and how it ended
          --client-memory SIZE           what clients together may make the daemon hold in buffers (default: 256M)
          --add-fd fd=N,set=N[,opaque=TEXT]
                                         put a descriptor that the daemon inherits into a set: /dev/fdset/N
          --incoming URI                 wait for another host's machine: tcp:, unix:, fd:, exec: or file:, or defer, for
                                         migrate-incoming
          -S                             the machine waits for cont; exports do not
          --stuck-after SECONDS          log requests that have waited for so long (default: 30; 0 is never)
          --log-level LEVEL              trace, debug, info, warning (default), error or none
          --log-file FILE                log to a file rather than to standard error
          --log-format text|json         one line for people, or one of JSON, an entry

        """);
}
