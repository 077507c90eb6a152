// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Text.Json;

namespace BlockHost.Qmp.Tests.Support;

/// <summary>The real qemu-storage-daemon, driven over standard input and output.</summary>
internal static class StorageDaemon
{
    public static bool IsInstalled => File.Exists("/usr/bin/qemu-storage-daemon");

    public static async Task<List<JsonElement>> QuerySchemaAsync()
    {
        using var process = Process.Start(new ProcessStartInfo("/usr/bin/qemu-storage-daemon", ["--chardev", "stdio,id=c", "--monitor", "c"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        await process.StandardInput.WriteAsync("""{"execute":"qmp_capabilities"}{"execute":"query-qmp-schema","id":"schema"}{"execute":"quit"}""");
        process.StandardInput.Close();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (await process.StandardOutput.ReadLineAsync(patience.Token) is { } line)
        {
            if (line.EndsWith("\"id\": \"schema\"}", StringComparison.Ordinal))
                return [.. JsonDocument.Parse(line).RootElement.GetProperty("return").EnumerateArray()];
        }

        throw new InvalidOperationException("qemu-storage-daemon did not give its schema");
    }
}
