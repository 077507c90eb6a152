// SPDX-License-Identifier: MIT
namespace BlockHost;

/// <summary>What the program is to be, and the name it calls itself in messages.</summary>
internal readonly record struct CalledAs(Role Role, string Name)
{
    private static readonly Dictionary<string, Role> DropIns = new(StringComparer.Ordinal)
    {
        ["qemu-img"] = Role.Img,
        ["qemu-io"] = Role.Io,
        ["qemu-nbd"] = Role.Nbd,
        ["qemu-storage-daemon"] = Role.StorageDaemon,
    };

    private static readonly Dictionary<string, Role> Subcommands = new(StringComparer.Ordinal)
    {
        ["img"] = Role.Img,
        ["io"] = Role.Io,
        ["nbd"] = Role.Nbd,
        ["serve"] = Role.Serve,
        ["plugin"] = Role.Plugin,
        ["jobs"] = Role.Jobs,
        ["shell"] = Role.Shell,
        ["replay"] = Role.Replay,
    };

    public static IEnumerable<string> SubcommandNames => Subcommands.Keys;

    /// <summary>
    /// By the name of the program, else by the first argument, which is then taken off <paramref name="args"/>.
    /// </summary>
    public static CalledAs From(string programName, ref ReadOnlySpan<string> args)
    {
        if (DropIns.TryGetValue(programName, out var role))
            return new(role, programName);
        if (args.Length == 0 || !Subcommands.TryGetValue(args[0], out role))
            return new(Role.Host, "blockhost");
        var name = $"blockhost {args[0]}";
        args = args[1..];
        return new(role, name);
    }

    /// <summary>The name the program was started by: the runtime only tells its real path, links resolved.</summary>
    public static string ProgramPath()
    {
        try
        {
            var commandLine = File.ReadAllBytes("/proc/self/cmdline").AsSpan();
            var end = commandLine.IndexOf((byte)0);
            return System.Text.Encoding.UTF8.GetString(end < 0 ? commandLine : commandLine[..end]);
        }
        catch (IOException)
        {
            return Environment.ProcessPath ?? "blockhost";
        }
    }

    public static string ProgramName() => Path.GetFileName(ProgramPath());
}

internal enum Role
{
    Host,
    Img,
    Io,
    Nbd,

    /// <summary>The daemon with an embedded default for a start without options.</summary>
    Serve,

    /// <summary>The daemon exactly as qemu-storage-daemon starts.</summary>
    StorageDaemon,
    Plugin,
    Jobs,
    Shell,
    Replay,
}
