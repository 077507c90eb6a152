// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;
using BlockHost.Core.Plugins;
using BlockHost.Images;

namespace BlockHost.Tools.Io;

/// <summary>Reads command lines, finds the command and checks its arguments before it runs.</summary>
internal sealed class IoShell(ToolConsole console, IoSession session)
{
    private bool _quit;
    private bool _canStartOver;

    /// <returns>False where a command failed.</returns>
    public async ValueTask<bool> RunAsync(IReadOnlyList<string> lines, CancellationToken cancellationToken)
    {
        var good = true;
        for (var i = 0; i < lines.Count && !_quit; i++)
        {
            _canStartOver = i == 0;
            good &= await RunLineAsync(lines[i], cancellationToken);
        }

        await session.FinishAsync();
        return good;
    }

    /// <summary>Prompts until end of file or quit.</summary>
    /// <returns>False where a command failed.</returns>
    public async ValueTask<bool> RunInteractiveAsync(CancellationToken cancellationToken)
    {
        var good = true;
        using var input = console.OpenInput();
        while (!_quit)
        {
            session.Print($"{console.Name}> ");
            console.Out.Flush();
            if (await input.ReadLineAsync(cancellationToken) is not { } line)
                break;
            good &= await RunLineAsync(line, cancellationToken);
        }

        await session.FinishAsync();
        return good;
    }

    /// <summary>The command that a line names.</summary>
    public static string NameOf(string line) => Words(line).FirstOrDefault() ?? "";

    private static string[] Words(string line) => line.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries);

    private async ValueTask<bool> RunLineAsync(string line, CancellationToken cancellationToken)
    {
        var words = Words(line);
        if (words.Length == 0)
            return true;
        var command = session.IsShared ? IoCommands.FindShared(words[0]) : IoCommands.Find(words[0]);
        if (command is null)
        {
            ReportUnknown(words[0]);
            return false;
        }

        _quit = command is Commands.QuitCommand;
        if (command.NeedsImage && session.Image is null)
        {
            console.ErrorLine("no file open, try 'help open'");
            return false;
        }

        return await InvokeAsync(command, words[1..], cancellationToken);
    }

    private async ValueTask<bool> InvokeAsync(IoCommand command, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        if (args.Count < command.MinArguments || args.Count > command.MaxArguments)
        {
            console.ErrorLine(CountError(command, args.Count));
            return false;
        }

        try
        {
            if (command.NeedsWriting && !session.Writable)
                throw new ToolException("Block node is read-only");
            await command.RunAsync(session, args, cancellationToken);
            return true;
        }
        catch (IoCommandException e)
        {
            foreach (var line in e.Lines)
                Print(line, e.ToErrorStream);
            if (e.ShowUsage)
                Print(command.OneLine, toErrorStream: false);
            return false;
        }
        catch (ToolException e)
        {
            console.Fail(e);
            return false;
        }
        catch (NotLinkedInException e) when (!_canStartOver)
        {
            console.Fail(new ToolException($"{e.Message}, and it is too late to start over: use 'blockhost io'"));
            return false;
        }
        catch (Exception e) when (ImageErrors.IsExpected(e))
        {
            console.Fail(new ToolException(e.Message) { Hint = ImageErrors.HintOf(e) });
            return false;
        }
    }

    private void ReportUnknown(string word)
    {
        console.ErrorLine($"command \"{word}\" not found");
        if (!console.HasOwnName)
            return;
        if (Suggestion.For(word, IoCommands.All.Select(command => command.Name)) is { } meant)
            console.ErrorLine($"Did you mean '{meant}'?");
        console.ErrorLine("Try 'help' for a list");
    }

    private void Print(string line, bool toErrorStream)
    {
        if (toErrorStream)
            console.ErrorLine(line);
        else
            session.Print($"{line}\n");
    }

    private static string CountError(IoCommand command, int count) => command.MaxArguments switch
    {
        int.MaxValue => $"bad argument count {count} to {command.Name}, expected at least {command.MinArguments} arguments",
        var max when max == command.MinArguments => $"bad argument count {count} to {command.Name}, expected {max} arguments",
        var max => $"bad argument count {count} to {command.Name}, expected between {command.MinArguments} and {max} arguments",
    };
}
