// SPDX-License-Identifier: MIT
namespace BlockHost.Formats.Testing;

/// <summary>Damage for images. BLOCKHOST_MUTANTS is how many of each kind are tried.</summary>
public static class Mutants
{
    public static int Count { get; } = SearchSize.Of("BLOCKHOST_MUTANTS", 8);

    /// <summary>Up to three bytes of a range, most of them small numbers.</summary>
    public static IEnumerable<(int At, byte Value)> Damage(int seed, int from, int to)
    {
        var random = new Random(seed);
        for (var i = random.Next(1, 4); i > 0; i--)
            yield return (random.Next(from, to), (byte)(random.Next(3) == 0 ? random.Next(256) : random.Next(6)));
    }
}
