// SPDX-License-Identifier: MIT
namespace BlockHost.Tools.Io.Commands;

internal sealed class AioFlushCommand : IoCommand
{
    public override string Name => "aio_flush";

    public override string Summary => "completes all outstanding aio requests";

    public override ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken) =>
        session.FinishAsync();
}

internal sealed class CloseCommand : IoCommand
{
    public override string Name => "close";

    public override string AlternativeName => "c";

    public override string Summary => "close the current open file";

    public override ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken) =>
        session.CloseAsync();
}

internal sealed class HelpCommand : IoCommand
{
    public override string Name => "help";

    public override string AlternativeName => "?";

    public override string Arguments => "[command]";

    public override string Summary => "help for one or all commands";

    public override int MaxArguments => 1;

    public override bool NeedsImage => false;

    public override ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        if (args.Count == 0)
            IoHelp.PrintCommands(session);
        else
            IoHelp.PrintCommand(
                session, IoCommands.Find(args[0]) ?? throw new IoCommandException($"command {args[0]} not found"));
        return ValueTask.CompletedTask;
    }
}

internal sealed class QuitCommand : IoCommand
{
    public override string Name => "quit";

    public override string AlternativeName => "q";

    public override string Summary => "exit the program";

    public override int MaxArguments => int.MaxValue;

    public override bool NeedsImage => false;

    public override ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken) =>
        ValueTask.CompletedTask;
}

internal sealed class SleepCommand : IoCommand
{
    public override string Name => "sleep";

    public override string Summary => "waits for the given value in milliseconds";

    public override int MinArguments => 1;

    public override int MaxArguments => 1;

    public override bool NeedsImage => false;

    public override ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        if (IoNumbers.Integer(args[0]) is not (>= 0 and var milliseconds))
            throw new IoCommandException($"{args[0]} is not a valid number");
        return milliseconds <= int.MaxValue ? new(Task.Delay((int)milliseconds, cancellationToken)) : ValueTask.CompletedTask;
    }
}
