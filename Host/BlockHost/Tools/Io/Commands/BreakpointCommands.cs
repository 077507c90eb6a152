// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Images;

namespace BlockHost.Tools.Io.Commands;

/// <summary>
/// Breakpoints belong to a driver that can hold requests back at events (QEMU's blkdebug). None of the drivers here
/// does, and so these answer as for an image without one.
/// </summary>
/// <param name="failure">"Could not set breakpoint"; {0} is the first argument.</param>
internal sealed class BreakpointCommand(string name, string arguments, string summary, string failure) : IoCommand
{
    public static BreakpointCommand Break { get; } = new("break", "event tag", "sets a breakpoint on event and tags the stopped request as tag", "Could not set breakpoint");

    public static BreakpointCommand Remove { get; } = new("remove_break", "tag", "remove a breakpoint by tag", "Could not remove breakpoint {0}");

    public static BreakpointCommand Resume { get; } = new("resume", "tag", "resumes the request tagged as tag", "Could not resume request");

    /// <summary>qemu-io waits for ever where no request can stop; this says so.</summary>
    public static BreakpointCommand Wait { get; } = new("wait_break", "tag", "waits for the suspension of a request", "Could not wait for request");

    public override string Name => name;

    public override string Arguments => arguments;

    public override string Summary => summary;

    public override int MinArguments => arguments.Split(' ').Length;

    public override int MaxArguments => MinArguments;

    public override ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken) =>
        throw new IoCommandException($"{failure.Replace("{0}", args[0], StringComparison.Ordinal)}: {ImageErrors.Text(Errno.ENOTSUP)}");
}
