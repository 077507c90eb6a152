// SPDX-License-Identifier: MIT
namespace BlockHost.Export.Nbd.Tests.Fakes;

/// <summary>Waits for what another thread does, however busy the machine is.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    public static async Task TrueAsync(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (!condition())
            await Task.Delay(2, limit.Token);
    }
}
