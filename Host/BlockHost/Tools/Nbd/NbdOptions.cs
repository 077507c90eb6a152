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
    Disconnect,
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

    private readonly ToolConsole _console;
    private readonly List<string> _operands = [];

    private NbdOptions(ToolConsole console) => _console = console;

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

    /// <summary>The name that a server's certificate must have, when listing.</summary>
    public string? TlsHostName { get; private set; }

    public bool Fork { get; private set; }

    public string? PidFile { get; private set; }

    /// <summary>-s: writes go to an overlay that is gone afterwards.</summary>
    public bool Snapshot { get; private set; }

    public string? Format { get; private set; }

    public bool ImageOptions { get; private set; }

    public OpenMode Mode { get; private set; } = new() { Writable = true, Idle = true };

    public ImageSource Source => new(_operands[0], Format, ImageOptions);

    /// <summary>-c, or -d: a kernel device.</summary>
    public string? Device { get; private set; }

    public string? SelinuxLabel { get; private set; }

    /// <summary>-l: the internal snapshot to serve.</summary>
    public SnapshotChoice? LoadSnapshot { get; private set; }

    /// <summary>Options given more than the default, by their key.</summary>
    public HashSet<string> Given { get; } = new(StringComparer.Ordinal);

    /// <param name="console">The messages call the tool by its name; warnings go there.</param>
    /// <exception cref="ToolException">With the text of qemu-nbd.</exception>
    public static NbdOptions Parse(IReadOnlyList<string> args, ToolConsole console)
    {
        var options = new NbdOptions(console);
        var tryHelp = $"Try `{console.Name} --help' for more information.";
        foreach (var item in GetOpt.Read(args, Table))
        {
            if (item.Kind == GetOptKind.Operand)
                options._operands.Add(item.Value!);
            else if (item.Kind != GetOptKind.Option)
                throw ToolException.Option(item, Table, pointToHelp: false, tryHelp);
            else
                options.Apply(item.Key, item.Value!);
            if (options.Action is NbdAction.Help or NbdAction.Version)
                return options;
        }

        options.Check(tryHelp);
        return options;
    }

    private void Apply(string key, string value)
    {
        CheckOnce(key);
        Given.Add(key);
        if (!ApplyConnection(key, value) && !ApplyImage(key, value))
            ApplyGeneral(key, value);
    }

    private void CheckOnce(string key)
    {
        if (key is "n" or "cache" && (Given.Contains("n") || Given.Contains("cache")))
            throw new ToolException("-n and --cache can only be specified once");
        if (key is "aio" or "discard" && Given.Contains(key))
            throw new ToolException($"--{key} can only be specified once");
    }

    private bool ApplyConnection(string key, string value)
    {
        switch (key)
        {
            case "b": Bind = value; return true;
            case "p": Port = value; return true;
            case "k":
                Socket = value.StartsWith('/')
                ? value
                : throw new ToolException("socket path must be absolute"); return true;
            case "selinux-label": SelinuxLabel = value; return true;
            case "e":
                Shared = uint.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var n)
                ? n
                : throw new ToolException($"Invalid shared device number '{value}'"); return true;
            case "t": Persistent = true; return true;
            case "x": ExportName = Text("name", value); return true;
            case "D": Description = Text("description", value); return true;
            case "A": AllocationDepth = true; return true;
            case "B": Bitmaps.Add(value); return true;
            case "tls-creds": TlsCredentials = value; return true;
            case "tls-authz": TlsAuthorization = value; return true;
            case "tls-hostname": TlsHostName = value; return true;
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
            case "l":
                LoadSnapshot = SnapshotChoice.Parse(
                value, _console, quote: '`'); Mode = Mode with { Writable = false }; return true;
            case "n": Mode = Mode with { Cache = CacheMode.None }; return true;
            case "cache":
                Mode = Mode with
                {
                    Cache = CacheMode.TryParse(
                value, out var cache) ? cache.Value : throw new ToolException($"Invalid cache mode `{value}'")
                }; return true;
            case "aio":
                Mode = Mode with
                {
                    Aio = value is "threads" or "native" or "io_uring" ? value : throw new ToolException(
                $"Invalid aio mode '{value}'")
                }; return true;
            case "discard":
                Mode =
                Mode with
                {
                    Discard = value is "ignore" or "unmap" or "on" or "off" ? value : throw new ToolException(
                    $"Invalid discard mode `{value}'")
                }; return true;
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
            case "c": Device = value; break;
            case "d": Action = NbdAction.Disconnect; break;
            case "object": Objects.Add(value); break;
            case "fork": Fork = true; break;
            case "pid-file": PidFile = value; break;
        }
    }

    private void Check(string tryHelp)
    {
        if (Given.Contains("L"))
            CheckList();
        else if (_operands.Count != 1)
            throw new ToolException("Invalid number of arguments") { Hint = tryHelp };
        if (TlsCredentials is null && TlsAuthorization is not null)
            throw new ToolException("--tls-authz is not permitted without --tls-creds");
        if (TlsCredentials is null && TlsHostName is not null)
            throw new ToolException("--tls-hostname is not permitted without --tls-creds");
        if (Action == NbdAction.Disconnect)
            Device = _operands[0];
        if (Action != NbdAction.Serve)
            return;
        if (SelinuxLabel is not null && Socket is null && Device is null)
            throw new ToolException("--selinux-label is not permitted without --socket");
        if (TlsCredentials is not null && Device is not null)
            throw new ToolException("TLS is not supported with a host device");
        if (ImageOptions && Format is not null)
            throw new ToolException("--image-opts and -f are mutually exclusive");
        if (Mode.DetectZeroes == "unmap" && Mode.Discard is not ("unmap" or "on"))
            throw new ToolException("setting detect-zeroes to unmap is not allowed without setting discard operation to unmap");
    }

    private void CheckList()
    {
        Action = NbdAction.List;
        string[] perDevice = ["x", "D", "o", "c", "d", "f", "l", "B", "A", "aio", "discard", "n", "cache"];
        if (_operands.Count > 0)
            throw new ToolException("List mode is incompatible with a file name");
        if (perDevice.Any(Given.Contains))
            throw new ToolException("List mode is incompatible with per-device settings");
        if (Fork)
            throw new ToolException("List mode is incompatible with forking");
    }

    /// <summary>Export names and descriptions are strings of the protocol.</summary>
    private static string Text(string what, string value)
    {
        const int longest = 4096;
        return System.Text.Encoding.UTF8.GetByteCount(value) <= longest
            ? value
            : throw new ToolException($"export {what} '{value}' too long");
    }

    /// <summary>As C reads an unsigned number: a minus sign wraps it around.</summary>
    private static long ParseOffset(string value)
    {
        const string hint =
            "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\nand exabytes, respectively.";
        var offset = Io.IoNumbers.Integer(value) ?? throw new ToolException($"Invalid offset '{value}'");
        if (offset == long.MaxValue && !ulong.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out _))
            throw new ToolException($"Invalid offset '{value}'");
        return offset is >= 0 and < long.MaxValue
            ? offset
            : throw new ToolException("Parameter 'offset' expects a non-negative number below 2^64") { Hint = hint };
    }

    private static string ParseDetectZeroes(string value) =>
        value is "off" or "on" or "unmap"
            ? value
            : throw new ToolException($"Failed to parse detect_zeroes mode: invalid parameter value: {value}");
}
