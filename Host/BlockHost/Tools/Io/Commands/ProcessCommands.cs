// SPDX-License-Identifier: MIT
using BlockHost.Processes;

namespace BlockHost.Tools.Io.Commands;

internal sealed class AbortCommand : IoCommand
{
    public override string Name => "abort";

    public override string Summary => "simulate a program crash using abort(3)";

    public override bool NeedsImage => false;

    /// <summary>What was printed and not yet written is lost, as in a crash.</summary>
    public override ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        OwnSignals.Raise(OwnSignals.Abort);
        return ValueTask.CompletedTask;
    }
}

internal sealed class RaiseSignalCommand : IoCommand
{
    public override string Name => "sigraise";

    public override string Arguments => "signal";

    public override string Summary => "raises a signal";

    public override string Details => IoHelpTexts.RaiseSignal;

    public override int MinArguments => 1;

    public override int MaxArguments => 1;

    public override bool NeedsImage => false;

    public override ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var signal = IoNumbers.Size(args[0]);
        if (signal > OwnSignals.Highest)
            throw new IoCommandException($"signal argument '{args[0]}' is too large to be a valid signal");
        session.Console.Out.Flush();
        OwnSignals.Raise((int)signal);
        return ValueTask.CompletedTask;
    }
}
