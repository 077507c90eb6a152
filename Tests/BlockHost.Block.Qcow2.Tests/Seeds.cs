// SPDX-License-Identifier: MIT
namespace BlockHost.Block.Qcow2.Tests;

/// <summary>How many random sessions of a kind to run: BLOCKHOST_SEEDS, one for every day.</summary>
internal static class Seeds
{
    public static int Count { get; } = SearchSize.Of("BLOCKHOST_SEEDS", 1);

    public static IEnumerable<int> All => Enumerable.Range(0, Count);
}
