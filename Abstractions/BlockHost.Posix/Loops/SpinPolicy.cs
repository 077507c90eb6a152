// SPDX-License-Identifier: MIT
using System.Diagnostics;
using BlockHost.Objects;

namespace BlockHost.Posix.Loops;

/// <summary>
/// Decides whether a loop that ran out of work should look again before it sleeps. It pays for a client that sends its
/// next request as soon as it has the last reply, and costs CPU for all others, so it goes by what happened lately:
/// a few vain attempts end it, a sleep so short that it was not worth it begins it again.
/// </summary>
/// <param name="thread">Whose limit counts; null: the policy's own.</param>
internal sealed class SpinPolicy(IIoThread? thread)
{
    private const int MaxCredit = 8;

    private static readonly long OwnLimit = Stopwatch.Frequency / 20_000;

    private int _credit;

    /// <summary>
    /// How long to look, in <see cref="Stopwatch"/> ticks; without a limit of the user's about a wake-up of a sleeping virtual
    /// CPU.
    /// </summary>
    public long Duration => thread is null ? OwnLimit : thread.MaxPolling.Ticks * Stopwatch.Frequency / TimeSpan.TicksPerSecond;

    public static long Now => Stopwatch.GetTimestamp();

    public bool Worthwhile => _credit > 0 && Duration > 0;

    public void Spun(bool hit) => _credit = hit ? MaxCredit : _credit - 1;

    public void Slept(long ticks)
    {
        if (ticks < 2 * Duration)
            _credit = Math.Max(_credit, 2);
    }
}
