// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;

namespace BlockHost.Core.Qmp;

/// <summary>How many commands of each name have ended. Only names that exist are counted: a client cannot make it grow.</summary>
public sealed class CommandFigures
{
    private readonly ConcurrentDictionary<string, Totals> _commands = new(StringComparer.Ordinal);

    /// <summary>Each command's time, for those who listen.</summary>
    public event Action<string, TimeSpan>? Timed;

    internal IEnumerable<KeyValuePair<string, Totals>> Commands => _commands;

    internal void Add(string command, bool failed, TimeSpan time)
    {
        _commands.AddOrUpdate(
            command,
            static (_, failed) => new Totals(1, failed ? 1 : 0),
            static (_, totals, failed) => new Totals(totals.Ended + 1, totals.Failed + (failed ? 1 : 0)),
            failed);
        Timed?.Invoke(command, time);
    }

    internal sealed record Totals(long Ended, long Failed);
}
