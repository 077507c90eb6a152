// SPDX-License-Identifier: MIT
namespace BlockHost.Sequences.Tests.Relays;

/// <summary>Requests of one program that has the image open.</summary>
internal static class RelayRequests
{
    private const int MaxBytes = 300_000;
    private const int Page = 4096;

    public static void Do(RelayImage image, Random random)
    {
        var ours = random.Next(2) == 0;
        var unmap = random.Next(2) == 0;
        var canReopen = ours || image.Layout.Reopen == Means.Both;
        var args = new List<string> { "-f", image.Layout.Format, "-d", unmap ? "unmap" : "ignore" };
        // With its end within a page, QEMU's may make a file longer, and what is found from the end (a footer) is lost.
        var isAligned = image.Content.Length % Page == 0 && image.Layout.Format != "vpc";
        if ((ours || isAligned) && random.Next(3) == 0)
            args.AddRange(["-t", "none"]);
        var discarded = new bool[image.Content.Length];
        image.Touched = new bool[image.Content.Length];
        image.Discarded = discarded;
        for (var commands = random.Next(1, 7); commands > 0; commands--)
            args.AddRange(Command(image, random, unmap, canReopen, discarded).SelectMany(command => (string[])["-c", command]));
        image.Run(ours, "qemu-io", [.. args, image.Locator]);
        if (discarded.Contains(true))
            TakeWhatDiscardsLeft(image, discarded);
    }

    private static string[] Command(RelayImage image, Random random, bool unmap, bool canReopen, bool[] discarded)
    {
        var (offset, length) = Range(random, image.Content.Length);
        var target = image.Content.AsSpan(offset, length);
        var choice = random.Next(12);
        if (choice < 2 && image is { Backing: not null, Layout.LosesZeroes: true, IsOurs: false })
            choice = 4;
        if (choice is not (4 or 5))
            image.Touched.AsSpan(offset, length).Fill(true);
        switch (choice)
        {
            case 0:
                target.Clear();
                discarded.AsSpan(offset, length).Clear();
                return [$"write -q -z {offset} {length}"];
            case 1:
                target.Clear();
                discarded.AsSpan(offset, length).Clear();
                return [$"write -q -z -u {offset} {length}"];
            case 2 or 3:
                if (unmap)
                    discarded.AsSpan(offset, length).Fill(true);
                return [$"discard -q {offset} {length}"];
            case 4:
                return ["flush"];
            case 5:
                return canReopen ? ["reopen -r", "reopen -w"] : ["flush"];
            case 7 or 8:
                image.FillFromPattern(target);
                discarded.AsSpan(offset, length).Clear();
                return [$"write -q -s {image.PatternFile} {offset} {length}"];
            default:
                var pattern = (byte)random.Next(1, 256);
                target.Fill(pattern);
                discarded.AsSpan(offset, length).Clear();
                return [$"write -q {(random.Next(4) == 0 ? "-f " : "")}-P {pattern} {offset} {length}"];
        }
    }

    private static (int Offset, int Length) Range(Random random, int size)
    {
        var grain = random.Next(5) switch { 0 => 1, 1 or 2 => 512, 3 => 4096, _ => 65536 };
        var offset = (int)(random.NextInt64(size) / grain * grain);
        var wanted = Math.Max(grain, random.Next(1, random.Next(4) == 0 ? MaxBytes * 8 : MaxBytes) / grain * grain);
        return (offset, Math.Min(size - offset, wanted));
    }

    /// <summary>What was discarded is as it was, zeroes, or what lies below; from then on it stays as it is.</summary>
    private static void TakeWhatDiscardsLeft(RelayImage image, bool[] discarded)
    {
        var read = image.Read(ours: false, image.Name, image.Layout.Format);
        var below = image.Backing?.Content ?? [];
        for (var at = 0; at < discarded.Length; at++)
        {
            if (!discarded[at])
                continue;
            if (read[at] != 0 && read[at] != image.Content[at] && (at >= below.Length || read[at] != below[at]))
                throw new RelayException($"after a discard there is {read[at]} at {at}");
            image.Content[at] = read[at];
        }
    }
}
