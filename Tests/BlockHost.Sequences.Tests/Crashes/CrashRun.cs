// SPDX-License-Identifier: MIT
using BlockHost.Sequences.Tests.Relays;
using BlockHost.Sequences.Tests.Watched;

namespace BlockHost.Sequences.Tests.Crashes;

/// <summary>
/// A relay in which only our tools work, and after each step the image again as power cuts during the step could have left it.
/// </summary>
/// <param name="most">It ends after so many points.</param>
internal sealed class CrashRun(Layout layout, int seed, int most, Func<bool> wants)
{
    private readonly FileWatch _watch = new();

    public int Points { get; private set; }

    /// <returns>What went wrong, or null.</returns>
    public string? Run()
    {
        var relay = Relay.Random(layout, seed);
        using var image = new RelayImage(layout, _watch);
        try
        {
            new Beginning(image, new Random(relay.Seed)).Make();
            foreach (var step in relay.Seeds.TakeWhile(_ => Points < most))
                Step(image, step);
            return null;
        }
        catch (Exception e) when (e is RelayException or TimeoutException)
        {
            return $"{e.Message}\n\n{image.Script}";
        }
    }

    private void Step(RelayImage image, int seed)
    {
        var (name, before, backing) = (image.Name, (byte[])image.Content.Clone(), image.Backing);
        image.Touched = [];
        image.Recordings.Clear();
        RelaySteps.Take(image, new Random(seed));
        image.Judge();
        var after = image.Content.Length >= before.Length || image.Name == name ? image.Content : before;
        foreach (var recording in image.Recordings)
        {
            if (!recording.IsComplete())
                throw new RelayException($"What was seen of '{recording.Command}' is not what it did");
            using var judge = new CrashJudge(layout, name, before, after, image.Touched, backing);
            foreach (var (what, state) in recording.Points(new Random(seed), wants))
            {
                Points++;
                if (judge.Judge(state, thorough: Points % 4 == 1) is { } failure)
                    throw new RelayException($"Cut {what} of '{recording.Command}': {failure}");
                if (Points >= most)
                    return;
            }
        }
    }
}
