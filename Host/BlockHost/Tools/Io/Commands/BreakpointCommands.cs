// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Images;

namespace BlockHost.Tools.Io.Commands;

/// <summary>
/// Breakpoints belong to the first node from the image down that can hold requests back at events (blkdebug).
/// </summary>
/// <param name="failure">"Could not set breakpoint"; {0} is the first argument.</param>
internal sealed class BreakpointCommand(
    string name, string arguments, string summary, string failure, BreakpointCommand.Action action) : IoCommand
{
    /// <returns>False where there is no such event, breakpoint or request.</returns>
    internal delegate ValueTask<bool> Action(
        IoSession session, IBreakpoints breakpoints, IReadOnlyList<string> args, CancellationToken cancellationToken);

    public static BreakpointCommand Break { get; } =
        new(
            "break",
            "event tag",
            "sets a breakpoint on event and tags the stopped request as tag",
            "Could not set breakpoint",
            AddAsync);

    public static BreakpointCommand Remove { get; } = new(
        "remove_break",
        "tag",
        "remove a breakpoint by tag",
        "Could not remove breakpoint {0}",
        (_, breakpoints, args, _) => new(breakpoints.TryRemove(args[0])));

    public static BreakpointCommand Resume { get; } = new(
        "resume",
        "tag",
        "resumes the request tagged as tag",
        "Could not resume request",
        (_, breakpoints, args, _) => new(breakpoints.TryResume(args[0])));

    /// <summary>qemu-io waits for ever where no request can stop; this says so.</summary>
    public static BreakpointCommand Wait { get; } = new(
        "wait_break", "tag", "waits for the suspension of a request", "Could not wait for request", WaitAsync);

    public override string Name => name;

    public override string Arguments => arguments;

    public override string Summary => summary;

    public override int MinArguments => arguments.Split(' ').Length;

    public override int MaxArguments => MinArguments;

    public override async ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        if (Find(session.Image!.Node) is not { } breakpoints)
            throw Failed(args, Errno.ENOTSUP);
        if (!await action(session, breakpoints, args, cancellationToken))
            throw Failed(args, Errno.ENOENT);
    }

    private static IBreakpoints? Find(IGraphNode? node)
    {
        for (; node is not null; node = Below(node))
        {
            if (node.TryGetFacet<IBreakpoints>(out var breakpoints))
                return breakpoints;
        }

        return null;
    }

    private static IGraphNode? Below(IGraphNode node) =>
        node.Children.FirstOrDefault(edge => (edge.Role & (BlockChildRole.Primary | BlockChildRole.Filtered)) != 0)?.Child;

    private static ValueTask<bool> AddAsync(
        IoSession session, IBreakpoints breakpoints, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var (name, tag) = (args[0], args[1]);
        foreach (var known in Enum.GetValues<BlkdebugEvent>())
        {
            if (JsonNamingPolicy.SnakeCaseLower.ConvertName(known.ToString()) != name)
                continue;
            breakpoints.Add(
                known, tag, isStopped => session.Print($"blkdebug: {(isStopped ? "Suspended" : "Resuming")} request '{tag}'\n"));
            return new(true);
        }

        return new(false);
    }

    private static async ValueTask<bool> WaitAsync(
        IoSession session, IBreakpoints breakpoints, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        await breakpoints.WhenSuspendedAsync(args[0], cancellationToken);
        return true;
    }

    private IoCommandException Failed(IReadOnlyList<string> args, int errno) =>
        new($"{failure.Replace("{0}", args[0], StringComparison.Ordinal)}: {ImageErrors.Text(errno)}");
}
