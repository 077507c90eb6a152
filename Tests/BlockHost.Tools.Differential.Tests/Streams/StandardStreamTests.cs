// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Globalization;
using BlockHost.Tools.Differential.Tests.Scripts;
using BlockHost.Tools.Differential.Tests.Sides;

namespace BlockHost.Tools.Differential.Tests.Streams;

/// <summary>
/// Every command with every standard stream closed, full or broken, beside QEMU's: what cannot be said is lost, and neither
/// the work nor the exit code. A sample by default: each command with one of the eight states, in turn.
/// <c>BLOCKHOST_STREAM_STATES=8</c> takes all of them.
/// </summary>
public sealed class StandardStreamTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static readonly (int Stream, StreamState State)[] States =
    [
        (1, StreamState.Full), (1, StreamState.Closed), (2, StreamState.Closed), (1, StreamState.Broken),
        (0, StreamState.Closed), (2, StreamState.Full), (2, StreamState.Broken), (0, StreamState.Broken),
    ];

    private static readonly string[] Commands =
    [
        "qemu-img info a.qcow2",
        "qemu-img create -f qcow2 n.qcow2 1M",
        "qemu-img --help",
        "qemu-img check a.qcow2",
        "qemu-img map a.qcow2",
        "qemu-img convert -p -O qcow2 a.qcow2 n.qcow2",
        "qemu-img --version",
        "qemu-img measure -O qcow2 a.qcow2",
        "qemu-img compare a.qcow2 a.qcow2",
        "qemu-img compare a.qcow2 r.raw",
        "qemu-img convert -O qcow2 nope n.qcow2",
        "qemu-img map --output=json a.qcow2",
        "qemu-img dd if=a.qcow2 of=n.raw",
        "qemu-img resize a.qcow2 8M",
        "qemu-img snapshot -l a.qcow2",
        "qemu-img snapshot -c two a.qcow2",
        "qemu-img bitmap --add o.qcow2 b",
        "qemu-img amend -f qcow2 -o compat=0.10 o.qcow2",
        "qemu-img commit o.qcow2",
        "qemu-img rebase -u -b r.raw -F raw o.qcow2",
        "qemu-img bench -c 10 -f raw r.raw",
        "qemu-img",
        "qemu-img nonsense",
        "qemu-img create -f qcow2 -o help",
        "qemu-io -f raw -c length -c read r.raw",
        "qemu-io -c help r.raw",
        "qemu-io --help",
        "qemu-nbd --version",
        "qemu-nbd nope",
        "qemu-nbd -L -k /nonexistent",
        "qemu-nbd --help",
        "qemu-storage-daemon --version",
        "qemu-storage-daemon --nonsense",
        "qemu-storage-daemon --blockdev driver=nonsense",
        "qemu-storage-daemon --help",
    ];

    private readonly string _root = Directory.CreateTempSubdirectory("bh").FullName;

    public static TheoryData<string, int, StreamState> Cases
    {
        get
        {
            var count = int.Parse(
                Environment.GetEnvironmentVariable("BLOCKHOST_STREAM_STATES") ?? "1", CultureInfo.InvariantCulture);
            var data = new TheoryData<string, int, StreamState>();
            for (var i = 0; i < Commands.Length; i++)
            {
                foreach (var (stream, state) in Enumerable.Range(i, count).Select(n => States[n % States.Length]))
                    data.Add(Commands[i], stream, state);
            }

            return data;
        }
    }

    /// <summary>Whatever a failure left running names its folder.</summary>
    public void Dispose()
    {
        foreach (var process in Process.GetProcesses())
        {
            using (process)
            {
                if (CommandLine(process.Id).Contains(_root, StringComparison.Ordinal))
                    process.Kill();
            }
        }

        Directory.Delete(_root, recursive: true);
    }

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void A_stream_out_of_order_changes_neither_the_work_nor_the_exit_code(string line, int stream, StreamState state)
    {
        SkipUnlessInstalled();
        var words = line.Split(' ');
        var (theirs, ours) = (Prepare("q"), Prepare("o"));

        var expected = StreamRunner.Run(theirs, words[0], words[1..], stream, state);
        var actual = StreamRunner.Run(ours, SourceTree.Program(words[0]), words[1..], stream, state);

        Assert.Equal(Said(expected, theirs, stream), Said(actual, ours, stream));
        Assert.Empty(FolderComparison.Differences(theirs, ours, new HashSet<string>()));
    }

    [SkippableTheory]
    [InlineData(0, StreamState.Closed)]
    [InlineData(1, StreamState.Closed)]
    [InlineData(2, StreamState.Closed)]
    [InlineData(1, StreamState.Full)]
    [InlineData(2, StreamState.Broken)]
    public void A_server_goes_to_the_background_and_rests(int stream, StreamState state)
    {
        SkipUnlessInstalled();
        var folder = Prepare("o");
        var pidFile = Path.Combine(folder, "pid");

        var result = StreamRunner.Run(
            folder,
            SourceTree.Program("qemu-nbd"),
            ["--fork", "-t", "-k", folder + "/n", "--pid-file", pidFile, "-f", "raw", "r.raw"],
            stream,
            state);

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        AssertServesAndRests(folder, pidFile);
    }

    [SkippableTheory]
    [InlineData(0, StreamState.Closed)]
    [InlineData(1, StreamState.Closed)]
    [InlineData(2, StreamState.Closed)]
    public void A_daemon_goes_to_the_background_and_rests(int stream, StreamState state)
    {
        SkipUnlessInstalled();
        var folder = Prepare("o");
        var pidFile = Path.Combine(folder, "pid");
        string[] args =
        [
            "--daemonize", "--pidfile", pidFile, "--blockdev", "driver=file,node-name=f,filename=r.raw",
            "--nbd-server", $"addr.type=unix,addr.path={folder}/n", "--export", "type=nbd,id=e,node-name=f,name=",
        ];

        var result = StreamRunner.Run(folder, SourceTree.Program("qemu-storage-daemon"), args, stream, state);

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        AssertServesAndRests(folder, pidFile);
    }

    /// <summary>A number that no stream has is the next file's: a message must not be written into an image.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void What_cannot_be_said_is_not_written_into_an_image(int stream)
    {
        var folder = Prepare("o");
        var before = File.ReadAllBytes(Path.Combine(folder, "r.raw"));

        var result = StreamRunner.Run(
            folder,
            SourceTree.Program("qemu-io"),
            ["-f", "raw", "-c", "length", "-c", "nonsense", "-c", "read 0 4k", "r.raw"],
            stream,
            StreamState.Closed);

        Assert.Equal(1, result.ExitCode);
        Assert.Equal(before, File.ReadAllBytes(Path.Combine(folder, "r.raw")));
    }

    private static void SkipUnlessInstalled() =>
        Skip.IfNot(
            InstalledPrograms.Has("qemu-img") && InstalledPrograms.Has("qemu-io") && InstalledPrograms.Has("bash"),
            "QEMU's tools or bash are not installed");

    /// <summary>What the two print alike; help and versions name the program that prints them.</summary>
    private static (int ExitCode, string Output, string Error) Said(ToolResult result, string folder, int stream)
    {
        var masks = new Masks();
        masks.Add("^(qemu-[a-z-]+ (version )?7\\.2|Copyright|Usage: |Written by|Format options)(.|\\n)*");
        return (result.ExitCode, masks.Apply(result.Output, folder), masks.Apply(result.Error, folder));
    }

    private static void AssertServesAndRests(string folder, string pidFile)
    {
        var pid = ProgramRunner.Run("/", "cat", [pidFile]).Output.Trim();
        var size = ProgramRunner.Run(folder, "qemu-img", ["info", "--output=json", $"nbd+unix:///?socket={folder}/n"]);
        Assert.Contains("\"virtual-size\": 4194304", size.Output, StringComparison.Ordinal);
        Await("a second of rest", () =>
        {
            var before = Ticks(pid);
            Thread.Sleep(TimeSpan.FromSeconds(1));
            return Ticks(pid) - before < 50;
        });
        ProgramRunner.Run("/", "kill", [pid]);
        Await("the end", () => CommandLine(int.Parse(pid, CultureInfo.InvariantCulture)).Length == 0);
    }

    private static void Await(string what, Func<bool> isThere)
    {
        var clock = Stopwatch.StartNew();
        while (!isThere())
        {
            Assert.True(clock.Elapsed < Patience, $"{what} does not come");
            Thread.Sleep(20);
        }
    }

    /// <returns>Empty: there is no such process, or it has ended.</returns>
    private static string CommandLine(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/cmdline");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    /// <summary>Processor time, in hundredths of a second.</summary>
    private static long Ticks(string pid)
    {
        var fields = File.ReadAllText($"/proc/{pid}/stat").Split(") ")[^1].Split(' ');
        return fields[11..13].Sum(field => long.Parse(field, CultureInfo.InvariantCulture));
    }

    private string Prepare(string name)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_root, name)).FullName;
        using (var raw = File.Create(Path.Combine(folder, "r.raw")))
            raw.SetLength(4 * 1024 * 1024);
        string[] preparations = [
            "create -q -f qcow2 a.qcow2 4M", "snapshot -c one a.qcow2", "create -q -f qcow2 -b r.raw -F raw o.qcow2"];
        foreach (var line in preparations.Where(_ => InstalledPrograms.Has("qemu-img")))
            ProgramRunner.Run(folder, "qemu-img", line.Split(' '));
        ProgramRunner.Run(folder, "qemu-io", ["-c", "write -P 3 0 1M", "a.qcow2"]);
        return folder;
    }
}
