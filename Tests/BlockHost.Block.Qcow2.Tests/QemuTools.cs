// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Text.Json;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Qcow2.Tests;

/// <summary>The real programs, working on files in a folder of the test's own.</summary>
internal sealed class QemuTools : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("qcow2-test-").FullName;

    public static bool Exist { get; } = InstalledPrograms.Has("qemu-img") && InstalledPrograms.Has("qemu-io");

    public static void Require() => Skip.IfNot(Exist, "qemu-img and qemu-io are not installed");

    public string Path(string name) => System.IO.Path.Combine(_folder, name);

    /// <summary>Runs a tool in the folder; fails the test unless it ends with one of the codes.</summary>
    public string Run(string tool, IEnumerable<string> arguments, params int[] codes) =>
        RunChecked(tool, arguments, codes).Output;

    /// <summary>As <see cref="Run"/>, with what the tool complained of.</summary>
    public string RunAll(string tool, IEnumerable<string> arguments, params int[] codes)
    {
        var (output, errors) = RunChecked(tool, arguments, codes);
        return output + errors;
    }

    private (string Output, string Errors) RunChecked(string tool, IEnumerable<string> arguments, int[] codes)
    {
        var (code, output, error) = Start(tool, arguments);
        Assert.True(
            code == 0 || codes.Contains(code), $"{tool} {string.Join(' ', arguments)} ended with {code}\n{output}\n{error}");
        return (output, error);
    }

    public (int Code, string Output, string Error) Start(string tool, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(tool, arguments)
        {
            WorkingDirectory = _folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        if (!process.WaitForExit(60_000)) throw new TimeoutException(tool);
        return (process.ExitCode, output, error.Result);
    }

    /// <summary>Runs a tool in the folder; returns its exit code, and what it said on standard error.</summary>
    public (int Code, string Error) Try(string tool, params string[] arguments)
    {
        var (code, _, error) = Start(tool, arguments);
        return (code, error);
    }

    public string Img(params string[] arguments) => Run("qemu-img", arguments);

    public void Io(string file, params string[] commands)
    {
        var output = Run(
            "qemu-io", commands.SelectMany(c => new[] { "-c", c }).Prepend("qcow2").Prepend("-f").Append(Path(file)));
        Assert.DoesNotContain("failed", output, StringComparison.Ordinal);
        Assert.DoesNotContain("rror", output, StringComparison.Ordinal);
    }

    public MemoryImage Load(string file) => new(File.ReadAllBytes(Path(file)));

    public void Save(MemoryImage image, string file) => File.WriteAllBytes(Path(file), image.Read(0, (int)image.Length));

    public JsonElement Check(string file)
    {
        var output = Run("qemu-img", ["check", "-f", "qcow2", "--output=json", Path(file)], 2, 3);
        return JsonDocument.Parse(output).RootElement.Clone();
    }

    /// <summary>QEMU finds nothing wrong, leaks included.</summary>
    public void AssertSound(string file) => Run("qemu-img", ["check", "-f", "qcow2", Path(file)]);

    /// <summary>QEMU finds no corruption; leaks are allowed.</summary>
    public void AssertNotCorrupt(string file) => Run("qemu-img", ["check", "-f", "qcow2", Path(file)], 3);

    /// <summary>The guest content as QEMU reads it.</summary>
    public byte[] Content(string file)
    {
        Img("convert", "-f", "qcow2", "-O", "raw", file, "content.raw");
        return File.ReadAllBytes(Path("content.raw"));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
