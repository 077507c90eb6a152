// SPDX-License-Identifier: MIT
using BlockHost.Sequences.Tests.Relays;
using BlockHost.Sequences.Tests.Watched;

namespace BlockHost.Sequences.Tests.Crashes;

/// <summary>A relay in which only our tools work, and each of its commands is looked at closely.</summary>
internal abstract class OwnWork(Layout layout, int seed)
{
    private readonly FileWatch _watch = new();

    protected Layout Layout => layout;

    /// <summary>Enough was seen.</summary>
    protected abstract bool IsDone { get; }

    /// <returns>What went wrong, or null.</returns>
    public string? Run()
    {
        var relay = Relay.Random(layout, seed);
        using var image = new RelayImage(layout, _watch);
        try
        {
            new Beginning(image, new Random(relay.Seed)).Make();
            foreach (var step in relay.Seeds.TakeWhile(_ => !IsDone))
                Step(image, step);
            return null;
        }
        catch (Exception e) when (e is RelayException or TimeoutException)
        {
            return $"{e.Message}\n\n{image.Script}";
        }
    }

    protected abstract void Examine(Recording recording, StepTaken step);

    private void Step(RelayImage image, int seed)
    {
        var (name, before, backing) = (image.Name, (byte[])image.Content.Clone(), image.Backing);
        (image.Touched, image.Discarded) = ([], []);
        image.Recordings.Clear();
        RelaySteps.Take(image, new Random(seed));
        image.Judge();
        var after = image.Content.Length >= before.Length || image.Name == name ? image.Content : before;
        var step = new StepTaken(seed, name, before, after, image.Touched, image.Discarded, backing);
        foreach (var recording in image.Recordings.TakeWhile(_ => !IsDone))
        {
            if (!recording.IsComplete())
                throw new RelayException($"What was seen of '{recording.Command}' is not what it did");
            Examine(recording, step);
        }
    }
}

/// <param name="Image">Its name before the step.</param>
/// <param name="Before">What it held then.</param>
/// <param name="After">And after it.</param>
/// <param name="Touched">Bytes that the step has written or discarded.</param>
/// <param name="Discarded">Those that it has not written since.</param>
internal sealed record StepTaken(
    int Seed, string Image, byte[] Before, byte[] After, bool[] Touched, bool[] Discarded, RelayBacking? Backing);
