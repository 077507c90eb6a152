// SPDX-License-Identifier: MIT
namespace BlockHost.Sequences.Tests.Relays;

/// <summary>
/// One image that goes from hand to hand:
/// <code>
///   create ─► write ─► resize ─► convert ─► …      each by QEMU's tools or by ours, as chance has it
///        │         │          │
///        └─────────┴──────────┴─► both checks clean, both read what was written
/// </code>
/// </summary>
/// <param name="Seeds">Of each step; what a step does follows from its seed and from the image as it then is.</param>
internal sealed record Relay(Layout Layout, int Seed, IReadOnlyList<int> Seeds)
{
    public static Relay Random(Layout layout, int seed)
    {
        var random = new Random(seed);
        return new(layout, random.Next(), [.. Enumerable.Range(0, random.Next(3, 9)).Select(_ => random.Next())]);
    }

    /// <returns>What went wrong and after which commands, or null.</returns>
    public string? Run()
    {
        using var image = new RelayImage(Layout);
        try
        {
            new Beginning(image, new Random(Seed)).Make();
            image.Judge();
            foreach (var seed in Seeds)
            {
                RelaySteps.Take(image, new Random(seed));
                image.Judge();
            }

            return null;
        }
        catch (Exception e) when (e is RelayException or TimeoutException)
        {
            return $"{e.Message}\n\n{image.Script}";
        }
    }

    /// <summary>The shortest relay that still fails, and how.</summary>
    public static string Explain(Relay relay, string failure)
    {
        for (var i = 0; i < relay.Seeds.Count;)
        {
            var shorter = relay with { Seeds = [.. relay.Seeds.Where((_, at) => at != i)] };
            if (shorter.Run() is { } another)
                (relay, failure) = (shorter, another);
            else
                i++;
        }

        return failure;
    }
}
