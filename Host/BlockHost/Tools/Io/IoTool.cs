// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;
using BlockHost.Composition;
using BlockHost.Images;
using BlockHost.Tools.Io.Commands;

namespace BlockHost.Tools.Io;

/// <summary>qemu-io: runs read, write and other requests by hand, from -c or from standard input.</summary>
internal sealed class IoTool(ToolConsole console, IHostFactory hosts) : ITool
{
    private static readonly OptionTable Table = new(
        "hVc:d:f:rsnCmki:t:T:U",
        "help=h", "version=V", "cmd:=c", "format:=f", "read-only=r", "snapshot=s", "nocache=n", "copy-on-read=C", "misalign=m",
        "native-aio=k", "aio:=i", "discard:=d", "cache:=t", "trace:=T", "force-share=U", "object:", "image-opts");

    private readonly List<string> _commands = [];
    private readonly List<string> _objects = [];
    private string? _format;
    private bool _imageOptions;
    private OpenMode _mode = new() { Writable = true, Discard = "unmap", Cache = CacheMode.Durable };

    public async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var names = new List<string>();
        foreach (var item in GetOpt.Read(args, Table))
        {
            if (item.Kind == GetOptKind.Operand)
                names.Add(item.Value!);
            else if (item.Kind != GetOptKind.Option)
                return WrongUsage(item);
            else if (Answer(item.Key))
                return 0;
            else
                Apply(item);
        }

        if (names.Count > 1)
        {
            IoHelp.PrintUsage(console);
            return 1;
        }

        if (_imageOptions && _format is not null)
            throw new ToolException("--image-opts and -f are mutually exclusive");
        await using var host = await hosts.StartAsync(HostOptions.ForTool with { CanStartOver = true }, cancellationToken);
        host.Warnings.Given += console.Report;
        host.Warnings.Noted += console.ErrorLine;
        host.Warnings.GivenUp += console.GiveUp;
        foreach (var definition in _objects)
            await host.AddObjectAsync(definition, cancellationToken);
        var session = new IoSession(console, host.Images, _imageOptions);
        await using (session)
        {
            if (names.Count == 1 && !await session.OpenAsync(Source(names[0]), _mode, cancellationToken))
                return 1;
            return await RunCommandsAsync(session, cancellationToken) ? 0 : 1;
        }
    }

    private async ValueTask<bool> RunCommandsAsync(IoSession session, CancellationToken cancellationToken)
    {
        var shell = new IoShell(console, session);
        return _commands.Count > 0
            ? await shell.RunAsync(_commands, cancellationToken)
            : await shell.RunInteractiveAsync(cancellationToken);
    }

    private ImageSource Source(string name) =>
        _imageOptions ? ImageOptionText.Source(console, name) : new ImageSource(name, _format);

    private bool Answer(string key)
    {
        switch (key)
        {
            case "h":
                IoHelp.PrintUsage(console);
                return true;
            case "V":
                Versions.Print(console, "qemu-io");
                return true;
            default:
                return false;
        }
    }

    private void Apply(GetOptItem item)
    {
        switch (item.Key)
        {
            case "c": _commands.Add(item.Value!); break;
            case "f": _format = item.Value; break;
            case "r": _mode = _mode with { Writable = false }; break;
            case "s": _mode = _mode with { Overlay = true }; break;
            case "n": _mode = _mode with { Cache = CacheMode.None }; break;
            case "C": _mode = _mode with { CopyOnRead = true }; break;
            case "k": _mode = _mode with { Aio = "native" }; break;
            case "i": _mode = _mode with { Aio = IoModes.Aio(item.Value!) }; break;
            case "t": _mode = _mode with { Cache = IoModes.Cache(item.Value!) }; break;
            case "d": _mode = _mode with { Discard = IoModes.Discard(item.Value!) }; break;
            case "U": _mode = _mode with { ForceShare = true }; break;
            case "object": _objects.Add(item.Value!); break;
            case "image-opts": _imageOptions = true; break;
        }
    }

    private int WrongUsage(GetOptItem item)
    {
        if (console.HasOwnName)
            throw ToolException.Option(item, Table, pointToHelp: true);
        console.Report(GetOpt.Describe(item));
        IoHelp.PrintUsage(console);
        return 1;
    }
}
