// SPDX-License-Identifier: MIT
namespace BlockHost.Remote.Transfers;

/// <summary>Until when a request is tried.</summary>
/// <param name="followsProgress">It moves on whenever something comes.</param>
internal sealed class Deadline(TimeProvider clock, TimeSpan time, bool followsProgress)
{
    private long _start = clock.GetTimestamp();

    public TimeSpan Left => time - clock.GetElapsedTime(Volatile.Read(ref _start));

    public void Progress()
    {
        if (followsProgress)
            Volatile.Write(ref _start, clock.GetTimestamp());
    }
}
