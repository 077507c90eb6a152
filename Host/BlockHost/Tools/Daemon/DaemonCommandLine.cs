// SPDX-License-Identifier: MIT
using System.Globalization;
using BlockHost.CommandLine;
using BlockHost.Composition;
using Microsoft.Extensions.Logging;

namespace BlockHost.Tools.Daemon;

internal enum DaemonStepKind
{
    Object,
    Chardev,
    Monitor,
    Blockdev,
    NbdServer,
    Export,
    AddFd,

    /// <summary>Last, whatever its place: the devices are there then that it is for.</summary>
    Incoming,
}

/// <summary>One option that opens something.</summary>
/// <param name="Text">The option as it was given, for errors.</param>
internal sealed record DaemonStep(DaemonStepKind Kind, string Argument, string Text);

internal enum DaemonAnswer
{
    Serve,
    Help,
    Version,
}

/// <summary>The daemon's options. The order of the steps is the command line's.</summary>
internal sealed record DaemonCommandLine
{
    private static readonly OptionTable QemuTable = new("hT:V", QemuOptions);

    private static readonly OptionTable OwnTable = new("hT:VS", [.. QemuOptions, .. OwnOptions]);

    private static readonly Dictionary<string, DaemonStepKind> StepKinds = new(StringComparer.Ordinal)
    {
        ["object"] = DaemonStepKind.Object,
        ["chardev"] = DaemonStepKind.Chardev,
        ["monitor"] = DaemonStepKind.Monitor,
        ["blockdev"] = DaemonStepKind.Blockdev,
        ["nbd-server"] = DaemonStepKind.NbdServer,
        ["export"] = DaemonStepKind.Export,
        ["add-fd"] = DaemonStepKind.AddFd,
    };

    private static string[] QemuOptions =>
        [
            "help=h", "trace:=T", "version=V", "blockdev:", "chardev:", "daemonize", "export:", "monitor:", "nbd-server:",
            "object:", "pidfile:"];

    private static string[] OwnOptions =>
        [
            "plugin-path:", "manifests:", "composition:", "state:", "port:", "audit-log:", "client-memory:", "log-level:",
            "log-file:", "log-format:", "stuck-after:", "add-fd:", "incoming:"];

    public DaemonAnswer Answer { get; private set; }

    public bool Daemonize { get; private set; }

    /// <summary>The machine does not run until a client says cont.</summary>
    public bool WaitsForStart { get; private set; }

    /// <summary>Where the machine's state comes from, or "defer"; null: it has none to wait for.</summary>
    public string? Incoming { get; private set; }

    public string? PidFile { get; private set; }

    public string? StateFolder { get; private set; }

    /// <summary>TCP port of the disk of its own.</summary>
    public ushort? Port { get; private set; }

    /// <summary>A request that waits longer is worth a line in the log; null: none is.</summary>
    public TimeSpan? StuckAfter { get; private set; } = TimeSpan.FromSeconds(30);

    public HostOptions Host { get; private set; } = HostOptions.ForTool;

    public IReadOnlyList<DaemonStep> Steps { get; private set; } = [];

    /// <param name="own">Also take blockhost's own options.</param>
    public static DaemonCommandLine Parse(IReadOnlyList<string> args, bool own)
    {
        var result = new DaemonCommandLine();
        if (own)
            result.Host = result.Host with { Log = result.Host.Log with { DefaultLevel = LogLevel.Warning } };
        var steps = new List<DaemonStep>();
        var table = own ? OwnTable : QemuTable;
        foreach (var item in GetOpt.Read(args, table))
        {
            if (item.Kind == GetOptKind.Operand)
                throw ToolException.Unknown(
                    $"{item.Value}: Unexpected argument", "--" + item.Value, table.LongNames, pointToHelp: false);
            if (item.Kind != GetOptKind.Option)
                throw ToolException.Option(item, table, pointToHelp: false);
            if (StepKinds.TryGetValue(item.Key, out var kind))
                steps.Add(new(kind, item.Value!, $"{item.Text} {item.Value}"));
            else if (result.Apply(item))
                break;
        }

        result.Steps = steps;
        if (steps.Count > 0 && (result.StateFolder is not null || result.Port is not null))
            throw ToolException.Usage(
                $"--{(result.Port is null ? "state" : "port")} is for a disk of the daemon's own, which is served where no option opens anything");
        return result;
    }

    /// <returns>True where nothing that follows counts.</returns>
    private bool Apply(GetOptItem item)
    {
        switch (item.Key)
        {
            case "h": Answer = DaemonAnswer.Help; return true;
            case "V": Answer = DaemonAnswer.Version; return true;
            case "S": WaitsForStart = true; break;
            case "incoming": Incoming = item.Value; break;
            case "daemonize": Daemonize = true; break;
            case "pidfile": PidFile = item.Value; break;
            case "state": StateFolder = item.Value; break;
            case "port": Port = ParsePort(item.Value!); break;
            case "plugin-path": Host = Host with { PluginFolders = [.. Host.PluginFolders, item.Value!] }; break;
            case "manifests": Host = Host with { ManifestFolders = [.. Host.ManifestFolders, item.Value!] }; break;
            case "composition": Host = Host with { Composition = item.Value }; break;
            case "T": Host = Host with { Log = Host.Log.WithTrace(item.Value ?? "", item.Text) }; break;
            case "log-level": Host = Host with { Log = Host.Log.WithLevel(item.Value!) }; break;
            case "log-file": Host = Host with { Log = Host.Log with { File = item.Value } }; break;
            case "log-format": Host = Host with { Log = Host.Log.WithFormat(item.Value!) }; break;
            case "stuck-after": StuckAfter = ParseSeconds(item.Value!); break;
            case "audit-log": Host = Host with { AuditLog = item.Value }; break;
            case "client-memory": Host = Host with { ClientMemory = item.Value }; break;
        }

        return false;
    }

    private static TimeSpan? ParseSeconds(string text) =>
        ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            ? seconds == 0 ? null : TimeSpan.FromSeconds(seconds)
            : throw new ToolException($"--stuck-after {text}: a number of seconds to {ushort.MaxValue} is wanted; 0 is never");

    private static ushort ParsePort(string text) =>
        ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port > 0
            ? port
            : throw new ToolException($"--port {text}: a number from 1 to {ushort.MaxValue} is wanted; NBD's own is 10809");
}
