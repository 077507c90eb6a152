// SPDX-License-Identifier: MIT
using System.Diagnostics;
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>Shell scripts that were written for QEMU's tools run the same with artifacts/bin first in PATH.</summary>
public sealed class ImageWorkTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    public static TheoryData<string> Scripts =>
        [.. Directory.EnumerateFiles(Folder, "*.sh").Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    private static string Folder => Path.Combine(SourceTree.Root, "Tests", "BlockHost.EndToEnd.Tests", "scripts");

    [SkippableTheory]
    [MemberData(nameof(Scripts))]
    public async Task A_script_for_qemus_tools_prints_the_same_with_ours(string script)
    {
        Programs.RequireQemu72();
        Programs.Require("qemu-io", "bash");
        var path = Environment.GetEnvironmentVariable("PATH")!;

        var expected = await RunAsync(script, path);
        var actual = await RunAsync(script, $"{Path.Combine(SourceTree.Root, "artifacts", "bin")}:{path}");

        Assert.Equal(expected.Split('\n'), actual.Split('\n'));
    }

    private static async Task<string> RunAsync(string script, string path)
    {
        using var folder = new Folder();
        var start = new ProcessStartInfo("bash", [Path.Combine(Folder, script)])
        {
            WorkingDirectory = folder.Path,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PATH"] = path;
        start.Environment["LC_ALL"] = "C";
        start.Environment["TZ"] = "UTC";
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        using var limit = new CancellationTokenSource(Patience);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{script} does not end; so far: {await output}");
        }

        return await output + await error;
    }
}
