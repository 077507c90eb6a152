// SPDX-License-Identifier: MIT
namespace BlockHost.Sequences.Tests.Relays;

/// <summary>The image that a relay begins with.</summary>
internal sealed class Beginning(RelayImage image, Random random)
{
    private const int Sector = 512;

    private Layout Layout => image.Layout;

    public void Make()
    {
        if (Layout.IsStream)
            Stream();
        else if (Layout.HasBacking && random.Next(2) == 0)
            Overlay();
        else
            Plain();
    }

    private void Plain()
    {
        image.Name = image.NewName();
        var size = RandomSize(random, Layout);
        image.Run(RelaySteps.IsOursByLuks(image, random), "qemu-img", CreateArgs([image.Name, $"{size}"]));
        image.Content = Layout.IsNoise
            ? image.Read(ours: false, image.Name, Layout.Format)
            : new byte[Layout.RoundsSizes ? image.SizeOf(image.Name, Layout.Format) : size];
    }

    private void Overlay()
    {
        var backing = MakeBacking(image, random, RandomSize(random, Layout));
        image.Name = image.NewName();
        var size = random.Next(2) == 0 ? backing.Content.Length : RandomSize(random, Layout);
        image.Run(RelaySteps.IsOursByLuks(image, random), "qemu-img",
            CreateArgs(["-b", Layout.Locator(backing.Name, backing.Format), "-F", backing.Format, image.Name, $"{size}"]));
        image.Backing = backing;
        image.Content = Over(backing, size);
    }

    /// <summary>Such an image holds what it is made with.</summary>
    private void Stream()
    {
        image.Content = RandomContent(image, random, RandomSize(random, Layout));
        image.Save("content", image.Content);
        image.Name = image.NewName();
        image.Run(random.Next(2) == 0, "qemu-img", "convert", "-f", "raw", "-O", Layout.Format, "-o", Layout.Options(random),
            "content", image.Name);
    }

    /// <summary>A new image with something in it, for others to lie over.</summary>
    public static RelayBacking MakeBacking(RelayImage image, Random random, long size)
    {
        var content = RandomContent(image, random, size);
        var name = image.NewName();
        image.Save("content", content);
        var format = image.Layout.OwnBackingOnly || random.Next(2) == 0 ? image.Layout.Format : "raw";
        string[] options = image.Layout.IsEncrypted && format != "raw" ? ["-o", image.Layout.Options(random)] : [];
        image.Run(
            RelaySteps.IsOursByLuks(image, random),
            "qemu-img",
            ["convert", "-f", "raw", "-O", format, .. options, "content", name]);
        return new(name, format, content);
    }

    /// <summary>What an overlay without data holds.</summary>
    public static byte[] Over(RelayBacking backing, long size)
    {
        var content = new byte[size];
        backing.Content.AsSpan(0, (int)Math.Min(size, backing.Content.Length)).CopyTo(content);
        return content;
    }

    public static long RandomSize(Random random, Layout layout) => random.NextInt64(1, layout.MaxSectors) * Sector;

    /// <summary>Some ranges of data among zeroes.</summary>
    private static byte[] RandomContent(RelayImage image, Random random, long size)
    {
        var content = new byte[size];
        for (var ranges = random.Next(1, 6); ranges > 0; ranges--)
        {
            var at = random.NextInt64(size);
            var target = content.AsSpan((int)at, (int)random.NextInt64(1, Math.Min(size - at, 300_000) + 1));
            if (random.Next(2) == 0)
                image.FillFromPattern(target);
            else
                target.Fill((byte)random.Next(1, 256));
        }

        return content;
    }

    private IReadOnlyList<string> CreateArgs(string[] rest)
    {
        var options = Layout.Options(random);
        return ["create", "-q", "-f", Layout.Format, .. options.Length > 0 ? (string[])["-o", options] : [], .. rest];
    }
}
