// SPDX-License-Identifier: MIT
namespace BlockHost.Tools.Io;

/// <summary>What "help command" prints below the command's line, where that line does not say it all.</summary>
internal static class IoHelpTexts
{
    private const string Reads =
        """
         -C  statistics on one line, comma-separated
         -P  check that every byte is pattern
         -q  no statistics
         -v  dump what was read
        """;

    private const string Writes =
        """
         -C  statistics on one line, comma-separated
         -f  durable when done (FUA)
         -P  fill with pattern (default 0xcd)
         -q  no statistics
        """;

    private const string Behind =
        "\n\n Goes on behind the prompt: aio_flush waits for it, and a failure is printed\n and does not fail the command.\n";

    public const string Read =
        $"""

        {Reads}
         -b  read the area for a virtual machine's state, not the disk
         -l, -s  with -P: check only len bytes, from off on within what was read
         -p  no effect

         Example: read -v 512 1k

        """;

    public const string ReadVector = $"\n{Reads}\n\n Each len is a buffer of its own.\n\n Example: readv -v 512 1k 1k\n";

    public const string AioRead = $"\n{Reads}\n -i  an invalid request: does nothing{Behind}\n Example: aio_read -v 512 1k 1k\n";

    public const string Write =
        $"""

        {Writes}
         -b  write the area for a virtual machine's state, not the disk
         -c  store compressed
         -n  with -z: fail rather than write slowly
         -p  no effect
         -s  fill from a file, over and over
         -u  with -z: may unmap
         -z  write zeroes

         Example: write 512 1k

        """;

    public const string WriteVector = $"\n{Writes}\n\n Each len is a buffer of its own.\n\n Example: writev 512 1k 1k\n";

    public const string AioWrite =
        $"\n{Writes}\n -i  an invalid request: does nothing\n -u  with -z: may unmap\n -z  write zeroes{Behind}\n Example: aio_write 512 1k 1k\n";

    public const string Discard =
        """

         -C  statistics on one line, comma-separated
         -q  no statistics

         Example: discard 512 1k

        """;

    public const string Open =
        """

         -r  for reading only
         -s  what is written goes to a temporary overlay
         -C  copy what is read from backing files into the image
         -n  bypass the host's cache, as -t none
         -U  share with a writer
         -k  as -i native
         -i  threads, native or io_uring
         -t  none, writeback, writethrough, directsync or unsafe
         -d  unmap or ignore
         -o  driver=...,key=value,...

         Example: open -n -o driver=raw disk.img

        """;

    public const string Reopen =
        """

         -r  for reading only
         -w  for writing
         -c  none, writeback, writethrough, directsync or unsafe
         -o  key=value,... of the options that the driver can change

         Example: reopen -o lazy-refcounts=on

        """;

    public const string RaiseSignal =
        """

         The signal has its usual effect on this process.

         Example: sigraise 15

        """;
}
