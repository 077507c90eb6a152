// SPDX-License-Identifier: MIT
using System.Diagnostics;

namespace BlockHost.Plugins.Export.Nbd.Server;

/// <summary>
/// Decides whether a loop that ran out of work should look again before it sleeps. It pays for a client that sends its
/// next request as soon as it has the last reply, and costs CPU for all others, so it goes by what happened lately:
/// a few vain attempts end it, a sleep so short that it was not worth it begins it again.
/// </summary>
internal sealed class SpinPolicy
{
    private const int MaxCredit = 8;

    private int _credit;

    /// <summary>How long to look, in <see cref="Stopwatch"/> ticks: about a wake-up of a sleeping virtual CPU.</summary>
    public static long Duration { get; } = Stopwatch.Frequency / 20_000;

    public static long Now => Stopwatch.GetTimestamp();

    public bool Worthwhile => _credit > 0;

    public void Spun(bool hit) => _credit = hit ? MaxCredit : _credit - 1;

    public void Slept(long ticks)
    {
        if (ticks < 2 * Duration)
            _credit = Math.Max(_credit, 2);
    }
}
