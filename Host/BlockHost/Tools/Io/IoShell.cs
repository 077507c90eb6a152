// SPDX-License-Identifier: MIT
using System.Text;
using BlockHost.CommandLine;
using BlockHost.Images;

namespace BlockHost.Tools.Io;

/// <summary>Reads command lines, finds the command and checks its arguments before it runs.</summary>
internal sealed class IoShell(ToolConsole console, IoSession session)
{
    private bool _quit;

    /// <returns>False where a command failed.</returns>
    public async ValueTask<bool> RunAsync(IReadOnlyList<string> lines, CancellationToken cancellationToken)
    {
        var good = true;
        foreach (var line in lines)
        {
            if (_quit)
                break;
            good &= await RunLineAsync(line, cancellationToken);
        }

        await session.FinishAsync();
        return good;
    }

    /// <summary>Prompts until end of file or quit. As in qemu-io a failed command does not make the program fail.</summary>
    public async ValueTask<bool> RunInteractiveAsync(CancellationToken cancellationToken)
    {
        using var input = console.OpenInput();
        while (!_quit)
        {
            console.Out.Write($"{console.Name}> ");
            console.Out.Flush();
            if (await input.ReadLineAsync(cancellationToken) is not { } line)
                break;
            await RunLineAsync(line, cancellationToken);
        }

        await session.FinishAsync();
        return true;
    }

    private async ValueTask<bool> RunLineAsync(string line, CancellationToken cancellationToken)
    {
        var words = Split(line);
        if (words.Count == 0)
            return true;
        var command = IoCommands.Find(words[0]);
        if (command is null)
        {
            console.ErrorLine($"command \"{words[0]}\" not found");
            return false;
        }

        _quit = command.Name == "quit";
        if (command.NeedsImage && session.Image is null)
        {
            console.ErrorLine("no file open, try 'help open'");
            return false;
        }

        return await InvokeAsync(command, [.. words.Skip(1)], cancellationToken);
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
        catch (Exception e) when (ImageErrors.IsExpected(e))
        {
            console.Report(e.Message);
            return false;
        }
    }

    private void Print(string line, bool toErrorStream)
    {
        if (toErrorStream)
            console.ErrorLine(line);
        else
            console.Out.Write($"{line}\n");
    }

    private static string CountError(IoCommand command, int count) => command.MaxArguments switch
    {
        int.MaxValue => $"bad argument count {count} to {command.Name}, expected at least {command.MinArguments} arguments",
        var max when max == command.MinArguments => $"bad argument count {count} to {command.Name}, expected {max} arguments",
        var max => $"bad argument count {count} to {command.Name}, expected between {command.MinArguments} and {max} arguments",
    };

    private static List<string> Split(string line)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        foreach (var c in line.Append(' '))
        {
            if (c is not (' ' or '\n'))
            {
                word.Append(c);
            }
            else if (word.Length > 0)
            {
                words.Add(word.ToString());
                word.Clear();
            }
        }

        return words;
    }
}
