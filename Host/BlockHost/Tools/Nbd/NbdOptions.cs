// SPDX-License-Identifier: MIT
using System.Globalization;
using BlockHost.CommandLine;
using BlockHost.Images;

namespace BlockHost.Tools.Nbd;

internal enum NbdAction
{
    Serve,
    Help,
    Version,
    List,
}

/// <summary>qemu-nbd's command line.</summary>
internal sealed class NbdOptions
{
    private const int DefaultPort = 10809;

    private static readonly OptionTable Table = new(
        "hVb:o:p:rsnc:dvk:e:f:tl:x:T:D:AB:L",
        "help=h", "version=V", "bind:=b", "port:=p", "socket:=k", "offset:=o", "read-only=r", "allocation-depth=A", "bitmap:=B", "connect:=c",
        "disconnect=d", "list=L", "snapshot=s", "load-snapshot:=l", "nocache=n", "cache:", "aio:", "discard:", "detect-zeroes:", "shared:=e",
        "format:=f", "persistent=t", "verbose=v", "object:", "export-name:=x", "description:=D", "tls-creds:", "tls-authz:", "tls-hostname:",
        "image-opts", "trace:=T", "fork", "pid-file:", "selinux-label:");

    private readonly List<string> _operands = [];

    public NbdAction Action { get; private set; }

    public string Bind { get; private set; } = "0.0.0.0";

    public string Port { get; private set; } = DefaultPort.ToString(CultureInfo.InvariantCulture);

    public string? Socket { get; private set; }

    public long Offset { get; private set; }

    /// <summary>Clients at once; 0: any number.</summary>
    public uint Shared { get; private set; } = 1;

    public bool Persistent { get; private set; }

    public string ExportName { get; private set; } = "";

    public string? Description { get; private set; }

    public bool AllocationDepth { get; private set; }

    public List<string> Bitmaps { get; } = [];

    public List<string> Objects { get; } = [];

    public string? TlsCredentials { get; private set; }

    public string? TlsAuthorization { get; private set; }

    public bool Fork { get; private set; }

    public string? PidFile { get; private set; }

    /// <summary>-s: writes go to an overlay that is gone afterwards.</summary>
    public bool Snapshot { get; private set; }

    public string? Format { get; private set; }

    public bool ImageOptions { get; private set; }

    public OpenMode Mode { get; private set; } = new() { Writable = true, Idle = true };

    public ImageSource Source => new(_operands[0], Format, ImageOptions);

    public static NbdOptions Parse(IReadOnlyList<string> args)
    {
        var options = new NbdOptions();
        foreach (var item in GetOpt.Read(args, Table))
        {
            if (item.Kind == GetOptKind.Operand)
                options._operands.Add(item.Value!);
            else if (item.Kind != GetOptKind.Option)
                throw Usage(GetOpt.Describe(item));
            else
                options.Apply(item.Key, item.Value!);
            if (options.Action is NbdAction.Help or NbdAction.Version)
                return options;
        }

        options.Check();
        return options;
    }

    private static ToolException Usage(string message) => ToolException.Usage(message);

    private void Apply(string key, string value)
    {
        if (!ApplyConnection(key, value) && !ApplyImage(key, value))
            ApplyGeneral(key, value);
    }

    private bool ApplyConnection(string key, string value)
    {
        switch (key)
        {
            case "b": Bind = value; return true;
            case "p": Port = value; return true;
            case "k": Socket = value.StartsWith('/') ? value : throw new ToolException("socket path must be absolute"); return true;
            case "e": Shared = uint.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : throw new ToolException($"Invalid shared device number '{value}'"); return true;
            case "t": Persistent = true; return true;
            case "x": ExportName = value; return true;
            case "D": Description = value; return true;
            case "A": AllocationDepth = true; return true;
            case "B": Bitmaps.Add(value); return true;
            case "tls-creds": TlsCredentials = value; return true;
            case "tls-authz": TlsAuthorization = value; return true;
            default: return false;
        }
    }

    private bool ApplyImage(string key, string value)
    {
        switch (key)
        {
            case "f": Format = value; return true;
            case "o": Offset = ParseOffset(value); return true;
            case "r": Mode = Mode with { Writable = false }; return true;
            case "s": Snapshot = true; return true;
            case "l": throw new ToolException("Failed to load snapshot: Can't find snapshot");
            case "n": Mode = Mode with { Cache = CacheMode.None }; return true;
            case "cache": Mode = Mode with { Cache = CacheMode.TryParse(value, out var cache) ? cache.Value : throw new ToolException($"Invalid cache mode `{value}'") }; return true;
            case "aio": Mode = Mode with { Aio = value is "threads" or "native" or "io_uring" ? value : throw new ToolException($"Invalid aio mode '{value}'") }; return true;
            case "discard": Mode = Mode with { Discard = value is "ignore" or "unmap" or "on" or "off" ? value : throw new ToolException($"Invalid discard mode `{value}'") }; return true;
            case "detect-zeroes": Mode = Mode with { DetectZeroes = ParseDetectZeroes(value) }; return true;
            case "image-opts": ImageOptions = true; return true;
            default: return false;
        }
    }

    private void ApplyGeneral(string key, string value)
    {
        switch (key)
        {
            case "h": Action = NbdAction.Help; break;
            case "V": Action = NbdAction.Version; break;
            case "L": Action = NbdAction.List; break;
            case "c": throw new ToolException(File.Exists(value) ? $"{value}: attaching kernel devices is not supported; use nbd-client" : $"Failed to open {value}: No such file or directory");
            case "d": throw new ToolException("detaching kernel devices is not supported; use nbd-client -d");
            case "object": Objects.Add(value); break;
            case "fork": Fork = true; break;
            case "pid-file": PidFile = value; break;
            case "selinux-label": throw new ToolException("SELinux labels are not supported");
        }
    }

    private void Check()
    {
        if (Action == NbdAction.List)
        {
            if (_operands.Count > 0)
                throw new ToolException("List mode is incompatible with a file name");
            return;
        }

        if (_operands.Count != 1)
            throw Usage("Invalid number of arguments");
        if (ImageOptions && Format is not null)
            throw new ToolException("--image-opts and -f are mutually exclusive");
        if (Mode.DetectZeroes == "unmap" && Mode.Discard is not ("unmap" or "on"))
            throw new ToolException("setting detect-zeroes to unmap is not allowed without setting discard operation to unmap");
    }

    private static long ParseOffset(string value) =>
        long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var offset) ? offset : throw new ToolException($"Invalid offset '{value}'");

    private static string ParseDetectZeroes(string value) =>
        value is "off" or "on" or "unmap" ? value : throw new ToolException($"Failed to parse detect_zeroes mode: invalid parameter value: {value}");
}
