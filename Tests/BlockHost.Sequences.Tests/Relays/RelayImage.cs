// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Composition;
using BlockHost.Sequences.Tests.Crashes;
using BlockHost.Sequences.Tests.Watched;
using BlockHost.Tools.Differential.Tests.Sides;

namespace BlockHost.Sequences.Tests.Relays;

/// <summary>An image that several programs work on, beside what it has to hold, and the commands so far.</summary>
internal sealed class RelayImage : IDisposable
{
    private const string Pattern = "pattern";
    private const int Leaks = 3;
    private const int NoChecks = 63;

    private readonly Scratch _scratch = new(Directory.CreateTempSubdirectory("bh-relay").FullName);
    private readonly List<string> _script = [];
    private readonly byte[] _pattern = new byte[(64 << 10) + 7];
    private readonly FileWatch? _watch;
    private readonly IHostFactory? _hosts;

    /// <param name="watch">Only ours works on the image then, and what it does to files is recorded.</param>
    public RelayImage(Layout layout, FileWatch? watch = null)
    {
        Layout = layout;
        _watch = watch;
        _hosts = watch is null ? null : new WatchedHosts(watch);
        new Random(7).NextBytes(_pattern);
        File.WriteAllBytes(_scratch[Pattern], _pattern);
    }

    public Layout Layout { get; }

    public string Name { get; set; } = "";

    /// <summary>How a command names it.</summary>
    public string Locator => Layout.Locator(Name, Layout.Format);

    public byte[] Content { get; set; } = [];

    public RelayBacking? Backing { get; set; }

    /// <summary>There was a backing file with more behind the image's end, since the image was made or before.</summary>
    public bool HadLongerBacking { get; private set; }

    public Dictionary<string, byte[]> Snapshots { get; } = [];

    public Dictionary<string, bool> Bitmaps { get; } = [];

    /// <summary>A second password opens it as well.</summary>
    public bool HasSecondSecret { get; set; }

    /// <summary>Bytes that a step has written or discarded; others it has to leave alone.</summary>
    public bool[] Touched { get; set; } = [];

    /// <summary>Bytes that a step has discarded and not written since.</summary>
    public bool[] Discarded { get; set; } = [];

    /// <summary>Of each command, where only ours works on the image.</summary>
    public List<Recording> Recordings { get; } = [];

    /// <summary>Only ours works on it.</summary>
    public bool IsOurs => _watch is not null;

    public string Folder => _scratch.Folder;

    /// <summary>What was done, as a person would type it.</summary>
    public string Script => string.Join('\n', _script);

    private int _names;

    public string NewName() => $"image{++_names}";

    /// <summary>What qemu-io's "-s" writes.</summary>
    public string PatternFile => _scratch[Pattern];

    public void FillFromPattern(Span<byte> target)
    {
        for (; target.Length > 0; target = target[Math.Min(target.Length, _pattern.Length)..])
            _pattern.AsSpan(0, Math.Min(target.Length, _pattern.Length)).CopyTo(target);
    }

    public void Save(string name, byte[] content)
    {
        _script.Add($"# {name}: {content.Length} bytes that the sequence holds then");
        File.WriteAllBytes(_scratch[name], content);
    }

    public void Run(bool ours, string program, params IReadOnlyList<string> args) => Require(Try(ours, program, args));

    /// <summary>A repair, which may leave space that is lost.</summary>
    public void Repair(bool ours)
    {
        var result = Try(ours, "qemu-img", ["check", "-q", "-f", Layout.Format, "-r", "all", Locator]);
        if (result.ExitCode != Leaks || !Layout.KeepsLeaks)
            Require(result);
    }

    private void Require(ToolResult result)
    {
        if (result.ExitCode != 0)
            throw new RelayException($"{_script[^1]}: {result}");
    }

    private ToolResult Try(bool ours, string program, IReadOnlyList<string> given)
    {
        var args = Layout.WithSecrets(program, given);
        _script.Add($"{(ours ? "ours " : "")}{program} {string.Join(' ', args.Select(Quoted))}");
        return _watch is null ? Start(ours, program, args) : Record(_watch, program, args);
    }

    private ToolResult Record(FileWatch watch, string program, IReadOnlyList<string> args)
    {
        var before = FolderState.Of(Folder);
        watch.Begin();
        var result = InProcessTool.Run(Folder, program, args, input: "", _hosts);
        Recordings.Add(new(program, args, before, watch.Done, FolderState.Of(Folder)) { Begun = watch.Begun });
        return result;
    }

    public byte[] Read(bool ours, string name, string format) => ReadAt(ours, format, Layout.Locator(name, format));

    public byte[] ReadBy(bool ours, string secret) => ReadAt(ours, Layout.Format, Layout.Locator(Name, Layout.Format, secret));

    private byte[] ReadAt(bool ours, string format, string locator)
    {
        string[] args = ["convert", "-f", format, "-O", "raw", locator, "read"];
        var result = RunQuietly(ours, "qemu-img", args);
        if (result.ExitCode != 0)
            throw new RelayException($"{(ours ? "ours " : "")}qemu-img {string.Join(' ', args)}: {result}");
        return File.ReadAllBytes(_scratch["read"]);
    }

    public long SizeOf(string name, string format)
    {
        var result = RunQuietly(ours: false, "qemu-img", ["info", "--output=json", "-f", format, Layout.Locator(name, format)]);
        return JsonDocument.Parse(result.Output).RootElement.GetProperty("virtual-size").GetInt64();
    }

    /// <summary>Both programs find nothing wrong, and read what the image has to hold.</summary>
    public void Judge()
    {
        var (theirs, ours) = (Check(ours: false), Check(ours: true));
        var mayLeak = Layout.KeepsLeaks && ours.ExitCode == Leaks;
        if (theirs.ExitCode is not (0 or NoChecks) || (ours.ExitCode is not (0 or NoChecks) && !mayLeak))
            throw new RelayException($"our check: {ours}\nQEMU's check: {theirs}");
        HadLongerBacking |= Backing?.Content.Length > Content.Length;
        Compare(Content, Read(ours: false, Name, Layout.Format), "QEMU");
        Compare(Content, Read(ours: true, Name, Layout.Format), "ours");
    }

    public void Compare(byte[] expected, byte[] actual, string who)
    {
        var same = expected.AsSpan().CommonPrefixLength(actual);
        if (same < expected.Length || same < actual.Length)
        {
            throw new RelayException(same < Math.Min(expected.Length, actual.Length)
                ? $"{who} reads {actual[same]} at {same} where {expected[same]} was written"
                : $"{who} reads {actual.Length} bytes of {expected.Length}");
        }
    }

    public void Dispose() => _scratch.Dispose();

    private ToolResult Check(bool ours) => RunQuietly(ours, "qemu-img", ["check", "-f", Layout.Format, Locator]);

    private ToolResult RunQuietly(bool ours, string program, IReadOnlyList<string> args) =>
        Start(ours, program, Layout.WithSecrets(program, args));

    private ToolResult Start(bool ours, string program, IReadOnlyList<string> args) => ours
        ? InProcessTool.Run(_scratch.Folder, program, args, input: "")
        : ProgramRunner.Run(_scratch.Folder, program, args);

    private static string Quoted(string arg) => arg.Length == 0 || arg.AsSpan().ContainsAny(' ', '"') ? $"'{arg}'" : arg;
}

/// <summary>What an image lies over.</summary>
internal sealed record RelayBacking(string Name, string Format, byte[] Content);

/// <summary>What is wrong with an image.</summary>
internal sealed class RelayException(string message) : Exception(message);
