// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;
using BlockHost.CommandLine;
using BlockHost.Composition;
using BlockHost.Qmp;
using Kind = BlockHost.HumanMonitor.HumanParameterKind;

namespace BlockHost.HumanMonitor;

/// <summary>The commands there are. Names, parameters and help are QEMU's.</summary>
internal sealed class HumanCommands
{
    private const string Info = "info";

    private readonly IReadOnlyList<HumanCommand> _commands;
    private readonly IReadOnlyList<HumanCommand> _queries;

    /// <param name="queries">Those of "info".</param>
    /// <param name="more">Beside those here.</param>
    public HumanCommands(IReadOnlyList<HumanCommand> queries, params IReadOnlyList<HumanCommand>[] more)
    {
        _queries = [.. queries.OrderBy(query => query.Names, StringComparer.Ordinal)];
        IEnumerable<HumanCommand> all = [.. Own(), .. more.SelectMany(commands => commands)];
        _commands = [.. all.OrderBy(command => command.Names, StringComparer.Ordinal)];
    }

    /// <summary>A command of QMP each.</summary>
    private HumanCommand[] Own() =>
        [
            new("block_job_cancel", [Flag("f"), Device], "[-f] device", Texts.BlockJobCancel, (call, ct) =>
                RunAsync(call, "block-job-cancel", new() { ["device"] = Name(call), ["force"] = call.Arguments.Has("f") }, ct)),
            new("block_job_complete", [Device], "device", "stop an active background block operation", Job("block-job-complete")),
            new("block_job_pause", [Device], "device", "pause an active background block operation", Job("block-job-pause")),
            new("block_job_resume", [Device], "device", "resume a paused background block operation", Job("block-job-resume")),
            new(
                "block_job_set_speed", [Device, Size("speed")], "device speed",
                "set maximum speed for a background block operation",
                (call, ct) => RunAsync(
                    call, "block-job-set-speed", new() { ["device"] = Name(call), ["speed"] = call.Arguments.Number("speed") }, ct)),
            new("block_resize", [Device, Size("size")], "device size", "resize a block image", (call, ct) =>
                RunAsync(call, "block_resize", new() { ["device"] = Name(call), ["size"] = call.Arguments.Number("size") }, ct)),
            new("chardev-remove", [Text("id")], "id", "remove chardev", OnText("chardev-remove", "id")),
            new("chardev-send-break", [Text("id")], "id", "send a break on chardev", OnText("chardev-send-break", "id")),
            new("cont|c", [], "", "resume emulation", Plain("cont")),
            new(
                "drive_backup",
                [Flag("n"), Flag("f"), Flag("c"), Device, Text("target"), Text("format", optional: true)],
                "[-n] [-f] [-c] device target [format]",
                Texts.DriveBackup,
                (call, ct) => RunAsync(call, "drive-backup", Drive(call, compress: true), ct)),
            new(
                "drive_mirror",
                [Flag("n"), Flag("f"), Device, Text("target"), Text("format", optional: true)],
                "[-n] [-f] device target [format]",
                Texts.DriveMirror,
                (call, ct) => RunAsync(call, "drive-mirror", Drive(call, compress: false), ct)),
            new("help|?", [Text("name", optional: true), Text("query", optional: true)], "[cmd]", "show the help", HelpAsync),
            new(
                "nbd_server_add", [Flag("w"), Device, Text("name", optional: true)],
                "nbd_server_add [-w] device [name]", "export a block device via NBD",
                (call, ct) => RunAsync(call, "nbd-server-add", NbdExport(call), ct)),
            new(
                "nbd_server_remove", [Flag("f"), Text("name")],
                "nbd_server_remove [-f] name", "remove an export previously exposed via NBD",
                (call, ct) => RunAsync(
                    call,
                    "nbd-server-remove",
                    new() { ["name"] = call.Arguments.Text("name"), ["mode"] = call.Arguments.Has("f") ? "hard" : "safe" },
                    ct)),
            new(
                "nbd_server_start", [Flag("a"), Flag("w"), Text("uri")],
                "nbd_server_start [-a] [-w] host:port", "serve block devices on the given host and port", StartServerAsync),
            new(
                "nbd_server_stop", [], "nbd_server_stop", "stop serving block devices using the NBD protocol",
                Plain("nbd-server-stop")),
            new("object_del", [Text("id")], "id", "destroy QOM object", OnText("object-del", "id")),
            new("quit|q", [], "", "quit the emulator", Plain("quit")),
            new(
                "ringbuf_read", [Text("device"), new("size", Kind.Number)], "device size",
                "Read from a ring buffer character device", ReadRingbufAsync),
            new(
                "ringbuf_write", [Text("device"), Text("data")], "device data", "Write to a ring buffer character device",
                (call, ct) => RunAsync(
                    call,
                    "ringbuf-write",
                    new() { ["device"] = call.Arguments.Text("device"), ["data"] = call.Arguments.Text("data") },
                    ct)),
            new("stop|s", [], "", "stop emulation", Plain("stop")),
            new("system_reset", [], "", "reset the system", Plain("system_reset")),
            InfoHelp,
        ];

    private HumanCommand InfoHelp => new(
        Info, [], "[subcommand]", "show various information about the system state", InfoHelpAsync);

    private static HumanParameter Device { get; } = new("device", Kind.Device);

    /// <summary>The command that a line begins with, and what names it; null: there is none.</summary>
    public (HumanCommand Command, string Path)? Find(HumanLine line)
    {
        var name = line.ReadName();
        if (name == Info && line.IsAtEnd)
            return (InfoHelp, Info);
        var among = name == Info ? _queries : _commands;
        var wanted = name == Info ? line.ReadName() : name;
        return among.FirstOrDefault(command => command.IsNamed(wanted)) is { } found ? (found, line.Path) : null;
    }

    private static HumanParameter Flag(string letter) => new(letter, Kind.Flag, IsOptional: true);

    private static HumanParameter Text(string name, bool optional = false) => new(name, Kind.Text, optional);

    private static HumanParameter Size(string name) => new(name, Kind.Size);

    private static string? Name(HumanCall call) => call.Arguments.Text("device");

    private static Func<HumanCall, CancellationToken, ValueTask> Plain(string command) =>
        (call, cancellationToken) => RunAsync(call, command, [], cancellationToken);

    private static Func<HumanCall, CancellationToken, ValueTask> Job(string command) =>
        (call, cancellationToken) => RunAsync(call, command, new() { ["device"] = Name(call) }, cancellationToken);

    private static Func<HumanCall, CancellationToken, ValueTask> OnText(string command, string member) =>
        (call, cancellationToken) => RunAsync(call, command, new() { [member] = call.Arguments.Text(member) }, cancellationToken);

    private static async ValueTask RunAsync(
        HumanCall call, string command, JsonObject arguments, CancellationToken cancellationToken) =>
        await call.ExecuteAsync(command, arguments, cancellationToken);

    private static JsonObject Drive(HumanCall call, bool compress)
    {
        var arguments = new JsonObject
        {
            ["device"] = Name(call),
            ["target"] = call.Arguments.Text("target"),
            ["mode"] = call.Arguments.Has("n") ? "existing" : "absolute-paths",
            ["sync"] = call.Arguments.Has("f") ? "full" : "top",
        };
        if (call.Arguments.Text("format") is { } format)
            arguments["format"] = format;
        if (compress && call.Arguments.Has("c"))
            arguments["compress"] = true;
        return arguments;
    }

    /// <summary>With -a every device that has a name is exported under it.</summary>
    private static async ValueTask StartServerAsync(HumanCall call, CancellationToken cancellationToken)
    {
        if (call.Arguments.Has("w") && !call.Arguments.Has("a"))
            throw new QmpException("-w only valid together with -a");
        var (host, port) = HostAndPort(call.Arguments.Text("uri")!);
        var inet = new JsonObject { ["host"] = host, ["port"] = port };
        await RunAsync(
            call, "nbd-server-start", new() { ["addr"] = new JsonObject { ["type"] = "inet", ["data"] = inet } }, cancellationToken);
        if (!call.Arguments.Has("a"))
            return;
        foreach (var device in call.Host.Graph.Backends.Select(backend => backend.Name).OfType<string>().ToList())
            await RunAsync(
                call, "nbd-server-add", new() { ["device"] = device, ["writable"] = call.Arguments.Has("w") }, cancellationToken);
    }

    /// <summary>"host:port", ":port" or "[IPv6 address]:port".</summary>
    private static (string Host, string Port) HostAndPort(string text)
    {
        if (text is [':', .. var port])
            return port.Length > 0 ? ("", port) : throw new QmpException($"error parsing port in address '{text}'");
        var end = text.StartsWith('[') ? text.IndexOf("]:", StringComparison.Ordinal) + 1 : text.IndexOf(':');
        if (end <= 0 || end == text.Length - 1)
            throw new QmpException($"error parsing {(text.StartsWith('[') ? "IPv6 " : "")}address '{text}'");
        return (text[..end].Trim('[', ']'), text[(end + 1)..]);
    }

    private static JsonObject NbdExport(HumanCall call)
    {
        var arguments = new JsonObject { ["device"] = Name(call), ["writable"] = call.Arguments.Has("w") };
        if (call.Arguments.Text("name") is { } name)
            arguments["name"] = name;
        return arguments;
    }

    /// <summary>What is no text is shown as \xHH, and a backslash doubled.</summary>
    private static async ValueTask ReadRingbufAsync(HumanCall call, CancellationToken cancellationToken)
    {
        var read = await call.ExecuteAsync(
            "ringbuf-read",
            new() { ["device"] = call.Arguments.Text("device"), ["size"] = call.Arguments.Number("size") },
            cancellationToken);
        foreach (var letter in read.GetString()!)
        {
            if (letter == '\\')
                call.Output.Write("\\\\");
            else if (letter is '\u007f' or (< ' ' and not '\n' and not '\t'))
                call.Output.Write($"\\u{(int)letter:X4}");
            else
                call.Output.Write(letter);
        }

        call.Output.Write('\n');
    }

    private ValueTask HelpAsync(HumanCall call, CancellationToken cancellationToken)
    {
        var name = call.Arguments.Text("name");
        if (name == Info)
            return InfoHelpAsync(call, call.Arguments.Text("query"));
        var shown = name is null ? _commands : _commands.Where(command => command.IsNamed(name)).ToList();
        foreach (var command in shown)
            call.Output.Write(command.Describe());
        if (shown.Count == 0)
            call.Output.Write($"unknown command: '{name}'\n");
        return ValueTask.CompletedTask;
    }

    private ValueTask InfoHelpAsync(HumanCall call, CancellationToken cancellationToken) => InfoHelpAsync(call, query: null);

    private ValueTask InfoHelpAsync(HumanCall call, string? query)
    {
        var shown = _queries.Where(command => query is null || command.IsNamed(query)).ToList();
        foreach (var command in shown)
            call.Output.Write(command.Describe("info "));
        if (shown.Count == 0)
            call.Output.Write($"unknown command: 'info {query}'\n");
        return ValueTask.CompletedTask;
    }

    private static class Texts
    {
        private const string Indent = "\n\t\t\t";

        public const string BlockJobCancel =
            $"stop an active background block operation (use -f{Indent} if you want to abort the operation immediately{Indent} instead of keep running until data is in sync)";

        public const string DriveBackup =
            $"initiates a point-in-time{Indent}copy for a device. The device's contents are{Indent}copied to the new image file, excluding data that{Indent}is written after the command is started.{Indent}{Reuse}{Indent}{Full}{Indent}{Compress}{Indent}";

        public const string DriveMirror =
            $"initiates live storage{Indent}migration for a device. The device's contents are{Indent}copied to the new image file, including data that{Indent}is written after the command is started.{Indent}{Reuse}{Indent}{Full}{Indent}";

        private const string Reuse =
            $"The -n flag requests QEMU to reuse the image found{Indent}in new-image-file, instead of recreating it from scratch.";

        private const string Full =
            $"The -f flag requests QEMU to copy the whole disk,{Indent}so that the result does not need a backing file.";

        private const string Compress =
            $"The -c flag requests QEMU to compress backup data{Indent}(if the target format supports it).";
    }
}
