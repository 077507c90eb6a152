// SPDX-License-Identifier: MIT
using System.Diagnostics;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Formats.Testing;

/// <summary>QEMU's tools, and others that judge images.</summary>
public static class Qemu
{
    private const int ChunkSize = 1 << 20;

    public static bool IsInstalled => InstalledPrograms.Has("qemu-img");

    /// <summary>Makes a file of an image.</summary>
    public static async Task SaveAsync(MemoryImage image, string path)
    {
        await using var file = File.Create(path);
        for (long offset = 0; offset < image.Length; offset += ChunkSize)
            await file.WriteAsync(image.Read(offset, (int)Math.Min(ChunkSize, image.Length - offset)));
    }

    /// <summary>Runs a tool in a folder. Returns its exit code, and what it printed.</summary>
    public static (int ExitCode, string Output) Run(string folder, string program, params string[] args) =>
        KeyTiming.Retry(() => RunOnce(folder, program, args), result => result.Output);

    private static (int ExitCode, string Output) RunOnce(string folder, string program, string[] args)
    {
        var start = new ProcessStartInfo(program)
        { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var arg in args)
            start.ArgumentList.Add(arg);
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd() + error.Result;
        process.WaitForExit();
        return (process.ExitCode, output);
    }
}
