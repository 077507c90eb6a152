// SPDX-License-Identifier: MIT
namespace BlockHost.Remote.Transfers;

/// <summary>How long to wait before each next try: 0.1, 0.2, … 5 seconds.</summary>
public struct Backoff()
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);

    public TimeSpan Pause { get; private set; } = First;

    public void Lengthen() => Pause = Pause * 2 < Longest ? Pause * 2 : Longest;

    /// <summary>After a try that brought something.</summary>
    public void StartAgain() => Pause = First;
}
