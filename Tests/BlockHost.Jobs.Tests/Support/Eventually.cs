// SPDX-License-Identifier: MIT
using System.Diagnostics;

namespace BlockHost.Jobs.Tests.Support;

/// <summary>Waits for what other threads are about to do.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static async Task HoldsAsync(Func<bool> condition, Func<string> complaint)
    {
        var start = Stopwatch.GetTimestamp();
        for (var turns = 0; !condition(); turns++)
        {
            if (Stopwatch.GetElapsedTime(start) > Patience)
                Assert.Fail(complaint());
            if (turns < 100)
                await Task.Yield();
            else
                await Task.Delay(1);
        }
    }
}
