// SPDX-License-Identifier: MIT
using BlockHost.Tools.Differential.Tests.Sides;

namespace BlockHost.Tools.Differential.Tests.Streams;

/// <summary>
/// Starts a program with one of its standard streams out of order. The shell sees to it, so that both sides start alike.
/// </summary>
internal static class StreamRunner
{
    /// <summary>So long may a command take; the shell's own code for one that did not end is 124.</summary>
    private const string Limit = "timeout -k 5 40";

    public static ToolResult Run(string folder, string program, IReadOnlyList<string> args, int stream, StreamState state)
    {
        var script = (stream, state) switch
        {
            (0, StreamState.Broken) => $"exec {Limit} \"$0\" \"$@\" < <(:)",
            (_, StreamState.Closed) => $"exec {Limit} \"$0\" \"$@\" {stream}>&-",
            (_, StreamState.Full) => $"exec {Limit} \"$0\" \"$@\" {stream}<>/dev/full",

            // The reader has ended before the program starts.
            _ => $"exec 9> >(:); wait $!; exec {Limit} \"$0\" \"$@\" {stream}>&9 9>&-",
        };
        return ProgramRunner.Run(folder, "bash", ["-c", script, program, .. args]);
    }
}
