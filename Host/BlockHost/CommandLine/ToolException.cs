// SPDX-License-Identifier: MIT
namespace BlockHost.CommandLine;

/// <summary>Ends a tool: the message goes to standard error behind the tool's name, the code is the process's.</summary>
internal sealed class ToolException(string message, int exitCode = 1) : Exception(message)
{
    public int ExitCode { get; } = exitCode;

    /// <summary>Add the line that points to --help.</summary>
    public bool PointToHelp { get; init; }

    /// <summary>The tool's help is all that was asked for.</summary>
    public bool WantsHelp { get; init; }

    /// <summary>A second line behind the tool's name.</summary>
    public string? SecondMessage { get; init; }

    /// <summary>A further line as it is, without the tool's name.</summary>
    public string? Hint { get; init; }

    /// <summary>QEMU forgets the newline behind some hints.</summary>
    public bool HintIsOpen { get; init; }

    public static ToolException Usage(string message, int exitCode = 1) => new(message, exitCode) { PointToHelp = true };
}
