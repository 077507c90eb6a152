// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Images;

namespace BlockHost.Tools.Io.Commands;

/// <summary>
/// Breakpoints belong to a driver that can hold requests back at events (QEMU's blkdebug). None of the drivers here
/// does, and so these answer as for an image without one.
/// </summary>
internal abstract class BreakpointCommand : IoCommand
{
    /// <summary>"Could not set breakpoint".</summary>
    protected abstract string Failure(IReadOnlyList<string> args);

    public sealed override ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken) =>
        throw new IoCommandException($"{Failure(args)}: {ImageErrors.Text(Errno.ENOTSUP)}");
}

internal sealed class BreakCommand : BreakpointCommand
{
    public override string Name => "break";

    public override string Arguments => "event tag";

    public override string Summary => "sets a breakpoint on event and tags the stopped request as tag";

    public override int MinArguments => 2;

    public override int MaxArguments => 2;

    protected override string Failure(IReadOnlyList<string> args) => "Could not set breakpoint";
}

internal sealed class RemoveBreakCommand : BreakpointCommand
{
    public override string Name => "remove_break";

    public override string Arguments => "tag";

    public override string Summary => "remove a breakpoint by tag";

    public override int MinArguments => 1;

    public override int MaxArguments => 1;

    protected override string Failure(IReadOnlyList<string> args) => $"Could not remove breakpoint {args[0]}";
}

internal sealed class ResumeCommand : BreakpointCommand
{
    public override string Name => "resume";

    public override string Arguments => "tag";

    public override string Summary => "resumes the request tagged as tag";

    public override int MinArguments => 1;

    public override int MaxArguments => 1;

    protected override string Failure(IReadOnlyList<string> args) => "Could not resume request";
}

/// <summary>qemu-io waits for ever where no request can stop; this says so.</summary>
internal sealed class WaitBreakCommand : BreakpointCommand
{
    public override string Name => "wait_break";

    public override string Arguments => "tag";

    public override string Summary => "waits for the suspension of a request";

    public override int MinArguments => 1;

    public override int MaxArguments => 1;

    protected override string Failure(IReadOnlyList<string> args) => "Could not wait for request";
}
