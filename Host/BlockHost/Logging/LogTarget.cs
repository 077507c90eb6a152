// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;
using BlockHost.Core;
using Microsoft.Extensions.DependencyInjection;

namespace BlockHost.Logging;

/// <summary>Opens what the log is written to.</summary>
internal static class LogTarget
{
    /// <exception cref="ToolException">The file cannot be opened.</exception>
    public static HostLoggers Open(LogOptions options, IServiceProvider services)
    {
        var clock = services.GetRequiredService<TimeProvider>();
        if (options.File is { } path)
            return new HostLoggers(
                options, clock, new LineFile(path, $"log file '{path}'", services.GetRequiredService<HostWarnings>().Give).Write);
        var gate = new Lock();
        var error = new OutputStream(2);
        return new HostLoggers(options, clock, line => Write(error, gate, line));
    }

    private static void Write(OutputStream error, Lock gate, ReadOnlySpan<byte> line)
    {
        try
        {
            lock (gate)
                error.Write(line);
        }
        catch (IOException)
        {
            // Nobody reads standard error any more: what is logged is lost, and the work goes on.
        }
    }
}
