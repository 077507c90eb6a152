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

    /// <summary>The subcommand whose help is wanted; null: the whole.</summary>
    public string? HelpOf { get; init; }

    /// <summary>A second line behind the tool's name.</summary>
    public string? SecondMessage { get; init; }

    /// <summary>A further line as it is, without the tool's name.</summary>
    public string? Hint { get; init; }

    /// <summary>QEMU forgets the newline behind some hints.</summary>
    public bool HintIsOpen { get; init; }

    /// <summary>What was asked for, and goes to standard output: this is no error.</summary>
    public string? Output { get; private init; }

    /// <summary>
    /// The word that an unknown one was probably meant to be. Not told under a name of QEMU's, nor is the way to help.
    /// </summary>
    public string? DidYouMean { get; private init; }

    public bool IsUnknownWord { get; private init; }

    /// <param name="message">As QEMU puts it.</param>
    public static ToolException Unknown(string message, string word, IEnumerable<string> known, bool pointToHelp = true) =>
        new(message) { IsUnknownWord = true, DidYouMean = Suggestion.For(word, known), PointToHelp = pointToHelp };

    /// <summary>The error that an item of the command line is.</summary>
    public static ToolException Option(GetOptItem item, OptionTable table, bool pointToHelp, string? secondMessage = null) =>
        new(GetOpt.Describe(item))
        {
            IsUnknownWord = true,
            DidYouMean = item.Kind == GetOptKind.Unknown ? Suggestion.For(item.Text, table.LongNames) : null,
            PointToHelp = pointToHelp,
            SecondMessage = secondMessage,
        };

    /// <summary>Ends the tool with what was asked for.</summary>
    public static ToolException Show(string output) => new("", exitCode: 0) { Output = output };

    public static ToolException Usage(string message, int exitCode = 1) => new(message, exitCode) { PointToHelp = true };
}
