// SPDX-License-Identifier: MIT
namespace BlockHost.Sequences.Tests;

/// <summary>One command line, given to ours for one image and to QEMU's for the other.</summary>
/// <param name="Program">qemu-io or qemu-img; "{}" in the arguments is the image.</param>
internal sealed record Step(string Program, IReadOnlyList<string> Args)
{
    /// <summary>The two images change places: what one implementation has written the other goes on with.</summary>
    public static Step Exchange { get; } = new("exchange", []);

    public IReadOnlyList<string> On(string image) => [.. Args.Select(arg => arg.Replace("{}", image, StringComparison.Ordinal))];

    public override string ToString() =>
        this == Exchange ? "mv a.qcow2 t && mv b.qcow2 a.qcow2 && mv t b.qcow2"
        : $"{Program} {string.Join(' ', Args.Select(arg => arg.Contains(' ') ? $"'{arg}'" : arg))}".Replace(
            "{}", "a.qcow2", StringComparison.Ordinal);
}

/// <summary>An image and what is done to it.</summary>
internal sealed record Sequence(ImageShape Shape, IReadOnlyList<Step> Steps)
{
    private static readonly string[] Zeroing = ["-z", "-z -u"];

    public static Sequence Random(int seed)
    {
        var random = new Random(seed);
        var shape = ImageShape.Random(random);
        var size = shape.Size;
        var steps = new List<Step>();
        for (var left = random.Next(3, 10); left > 0; left--)
            steps.Add(RandomStep(random, shape, ref size));
        return new(shape, steps);
    }

    private static Step RandomStep(Random random, ImageShape shape, ref long size)
    {
        switch (random.Next(8))
        {
            case 0:
                return Resize(random, shape, ref size);
            case 1:
                return Step.Exchange;
            default:
                var args = new List<string> { "-f", "qcow2", "-d", random.Next(2) == 0 ? "unmap" : "ignore" };
                if (shape.LazyRefcounts && random.Next(2) == 0)
                    args.AddRange(["-t", "none"]);
                for (var commands = random.Next(1, 5); commands > 0; commands--)
                    args.AddRange(["-c", Command(random, shape, size)]);
                return new("qemu-io", [.. args, "{}"]);
        }
    }

    private static Step Resize(Random random, ImageShape shape, ref long size)
    {
        var target = random.NextInt64(1, 4096) * 512;
        var args = new List<string> { "resize", "-q", "-f", "qcow2" };
        if (target < size)
            args.Add("--shrink");
        else if (!shape.DataFile && shape.BackingSize == 0 && random.Next(3) == 0)
            args.Add("--preallocation=metadata");
        size = target;
        return new("qemu-img", [.. args, "{}", $"{target}"]);
    }

    private static string Command(Random random, ImageShape shape, long size)
    {
        var grain = random.Next(5) switch { 0 => 1, 1 or 2 => 512, 3 => shape.ClusterSize / 2, _ => shape.ClusterSize };
        var offset = random.NextInt64(size) / grain * grain;
        var length = Math.Min(
            size - offset, Math.Max(grain, random.NextInt64(1, Math.Max(2, 3L * shape.ClusterSize)) / grain * grain));
        var pattern = random.Next(1, 256);
        return random.Next(10) switch
        {
            0 or 1 => $"write {Zeroing[random.Next(2)]} {offset} {length}",
            2 => $"discard {offset} {length}",
            3 when shape.CanCompress => Compressed(shape, offset, pattern, size),
            4 => $"read -v {offset} {Math.Min(length, 64)}",
            5 => "flush",
            _ => $"write -P {pattern} {offset} {length}",
        };
    }

    private static string Compressed(ImageShape shape, long offset, int pattern, long size)
    {
        var start = offset / shape.ClusterSize * shape.ClusterSize;
        return $"write -c -P {pattern} {start} {Math.Min(shape.ClusterSize, size - start)}";
    }
}
