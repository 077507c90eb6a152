// SPDX-License-Identifier: MIT
namespace BlockHost.Testing;

/// <summary>
/// QEMU times how fast it derives keys, and gives up where the clock of processor time stands still, as on a busy machine: it is
/// asked again then.
/// </summary>
public static class KeyTiming
{
    private const int Attempts = 10;

    /// <param name="said">What a run has printed.</param>
    public static T Retry<T>(Func<T> run, Func<T, string> said)
    {
        for (var attempt = 1; ; attempt++)
        {
            var result = run();
            if (attempt == Attempts || !said(result).Contains("Unable to get accurate CPU usage", StringComparison.Ordinal))
                return result;
        }
    }
}
