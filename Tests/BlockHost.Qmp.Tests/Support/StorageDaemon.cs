// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Text.Json;

namespace BlockHost.Qmp.Tests.Support;

/// <summary>The real qemu-storage-daemon, driven over standard input and output.</summary>
internal static class StorageDaemon
{
    public static async Task<List<JsonElement>> QuerySchemaAsync()
    {
        using var process = Process.Start(new ProcessStartInfo(
            "/usr/bin/qemu-storage-daemon", ["--chardev", "stdio,id=c", "--monitor", "c"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        // Its standard input stays open until the answer is there: at the end of input QEMU drops what it has not sent.
        await process.StandardInput.WriteLineAsync(
            """{"execute":"qmp_capabilities"}{"execute":"query-qmp-schema","id":"schema"}""");
        await process.StandardInput.FlushAsync();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (await process.StandardOutput.ReadLineAsync(patience.Token) is { } line)
        {
            if (!line.EndsWith("\"id\": \"schema\"}", StringComparison.Ordinal))
                continue;
            await process.StandardInput.WriteLineAsync("""{"execute":"quit"}""");
            return [.. JsonDocument.Parse(line).RootElement.GetProperty("return").EnumerateArray()];
        }

        throw new InvalidOperationException("qemu-storage-daemon did not give its schema");
    }
}
