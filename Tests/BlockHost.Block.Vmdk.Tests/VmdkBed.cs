// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Text.Json;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Vmdk;

namespace BlockHost.Block.Vmdk.Tests;

/// <summary>The driver on images in memory, and QEMU's tools.</summary>
internal static class VmdkBed
{
    public static BlockDriver Driver { get; } = PluginContents.Of(new VmdkPlugin()).Driver("vmdk");

    public static async Task<BlockNode> OpenAsync(MemoryImage image, bool readOnly = false, IBlockChild? backing = null)
    {
        var context = new TestNodeContext(new TestPluginHost()) { ReadOnly = readOnly };
        context.Children["file"] = new MemoryChild(image);
        if (backing is not null)
            context.Children["backing"] = backing;
        return await Driver.OpenAsync(context, JsonDocument.Parse("""{"file":"file"}""").RootElement, default);
    }

    public static async Task<byte[]> ReadAllAsync(BlockNode node)
    {
        var bytes = new byte[node.Profile.Length];
        await node.ReadAsync(0, bytes, ReadFlags.None, default);
        return bytes;
    }

    public static bool HasQemu => InstalledPrograms.Has("qemu-img");

    /// <summary>Runs a tool in a folder. Returns its exit code, and what it printed.</summary>
    public static (int ExitCode, string Output) Run(string folder, string program, params string[] args)
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
