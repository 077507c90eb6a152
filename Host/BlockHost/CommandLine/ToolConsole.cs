// SPDX-License-Identifier: MIT
using System.Text;
using BlockHost.Core.Processes;

namespace BlockHost.CommandLine;

/// <summary>
/// Standard streams of one tool, as plain UTF-8 writers: System.Console's own would cost more time at start than the
/// tools take.
/// </summary>
internal sealed class ToolConsole : IDisposable
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    private readonly TaskCompletionSource _givenUp = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Stream _input;
    private readonly bool _isReal;

    /// <param name="name">How the tool calls itself in messages.</param>
    public ToolConsole(string name)
        : this(name, Writer(StandardStreams.Output, 4096), Writer(StandardStreams.Error, 256), StandardStreams.OpenInput())
    {
        _isReal = true;
    }

    public ToolConsole(string name, TextWriter output, TextWriter error, Stream input)
    {
        Name = name;
        Out = output;
        Error = error;
        _input = input;
    }

    public string Name { get; }

    /// <summary>The tool is called as a part of blockhost, and not by the name of QEMU's.</summary>
    public bool HasOwnName => Name.StartsWith("blockhost", StringComparison.Ordinal);

    public TextWriter Out { get; }

    public TextWriter Error { get; }

    /// <summary>Somebody looks at <see cref="Out"/>.</summary>
    public bool IsTerminal => _isReal && !Console.IsOutputRedirected;

    /// <summary>The terminal can draw over what it shows, and nobody asked it not to.</summary>
    public bool CanDraw =>
        IsTerminal && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb")
            && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));

    /// <summary>Completes when the tool has to end at once, whatever it is doing.</summary>
    public Task GivenUp => _givenUp.Task;

    public void GiveUp() => _givenUp.TrySetResult();

    public TextReader OpenInput() => new StreamReader(_input, Utf8);

    /// <summary>A message on standard error, in order with what was printed before.</summary>
    public void Report(string message)
    {
        Out.Flush();
        Error.Write(Name.Length > 0 ? $"{Name}: {message}\n" : message + "\n");
        Error.Flush();
    }

    public void Warn(string message) => Report($"warning: {message}");

    /// <summary>A line on standard error without the tool's name.</summary>
    public void ErrorLine(string line) => ErrorText(line + "\n");

    public int Fail(ToolException e)
    {
        if (e.Output is { } output)
            Out.Write(output);
        if (e.Message.Length > 0)
            Report(e.Message);
        if (e.DidYouMean is { } meant && HasOwnName)
            ErrorLine($"Did you mean '{meant}'?");
        if (e.SecondMessage is { } second)
            Report(second);
        if (e.Hint is { } hint)
            ErrorText(e.HintIsOpen ? hint : hint + "\n");
        if (e.PointToHelp || (e.IsUnknownWord && e.SecondMessage is null && HasOwnName))
            ErrorLine($"Try '{Name} --help' for more information");
        return e.ExitCode;
    }

    private static StreamWriter Writer(int fd, int bufferSize) =>
        new(StandardStreams.IsGiven(fd) ? new OutputStream(fd) : Stream.Null, Utf8, bufferSize);

    private void ErrorText(string text)
    {
        Out.Flush();
        Error.Write(text);
        Error.Flush();
    }

    public void Dispose()
    {
        Out.Flush();
        Error.Flush();
    }
}
