// SPDX-License-Identifier: MIT
namespace BlockHost.Block.Facets;

/// <summary>
/// Facet of a node that can hold back what fires an event at it, until it is told to go on. Tags name breakpoints and what they
/// hold back.
/// </summary>
public interface IBreakpoints
{
    /// <summary>Holds back the next request that fires the event.</summary>
    /// <param name="report">Told, on any thread, when a request stops (true) and when it goes on (false).</param>
    void Add(BlkdebugEvent @event, string tag, Action<bool> report);

    /// <summary>Takes the breakpoints with the tag away, and lets go what is held back under it.</summary>
    /// <returns>Whether there was a breakpoint that had not been reached.</returns>
    bool TryRemove(string tag);

    /// <summary>Lets the request go on that has stopped last under the tag.</summary>
    /// <returns>Whether there was one.</returns>
    bool TryResume(string tag);

    /// <summary>Completes when a request is held back under the tag.</summary>
    Task WhenSuspendedAsync(string tag, CancellationToken cancellationToken);
}
