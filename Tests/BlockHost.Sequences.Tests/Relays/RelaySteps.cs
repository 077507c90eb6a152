// SPDX-License-Identifier: MIT
namespace BlockHost.Sequences.Tests.Relays;

/// <summary>What can happen to an image, each by one program or the other.</summary>
internal static class RelaySteps
{
    private const int MostClusterSize = 65536;

    public static void Take(RelayImage image, Random random)
    {
        var layout = image.Layout;
        var choice = random.Next(12);
        if (choice == 0 || layout.IsStream)
            Convert(image, random);
        else if (choice is 1 or 2 && layout.Grow != Means.None)
            Resize(image, random);
        else if (choice == 3 && image.Backing is not null)
            Commit(image, random);
        else if (choice == 4 && (layout.CanRebase || layout.LosesZeroes))
            Rebase(image, random);
        else if (choice == 5)
            Repair(image, random);
        else if (choice is 6 or 7 && layout.IsQcow2)
            Qcow2Steps.Take(image, random);
        else if (choice == 8 && layout.SlotPrefix is { } prefix)
            ChangeSlots(image, random, prefix);
        else
            RelayRequests.Do(image, random);
    }

    /// <summary>A second password comes, or goes again.</summary>
    private static void ChangeSlots(RelayImage image, Random random, string prefix)
    {
        var options = image.HasSecondSecret
            ? $"{prefix}state=inactive,{prefix}old-secret={Layout.SecondSecret}"
            : $"{prefix}state=active,{prefix}new-secret={Layout.SecondSecret},{prefix}iter-time=1";
        image.Run(IsOursByLuks(image, random), "qemu-img", "amend", "-f", image.Layout.Format, "-o", options, image.Locator);
        image.HasSecondSecret = !image.HasSecondSecret;
        if (image.HasSecondSecret)
            image.Compare(image.Content, image.ReadBy(random.Next(2) == 0, Layout.SecondSecret), "the second password");
    }

    /// <summary>The image goes on as a copy with options of its own.</summary>
    private static void Convert(RelayImage image, Random random)
    {
        var options = image.Layout.Options(random);
        var target = image.NewName();
        var format = image.Layout.Format;
        var args = new List<string> { "convert", "-f", format, "-O", format };
        if (options.Length > 0)
            args.AddRange(["-o", options]);
        if (image.Layout.CanCompress && random.Next(3) == 0)
            args.Add("-c");
        if (random.Next(3) == 0)
            args.AddRange(["-S", $"{random.Next(0, 9) * 4096}"]);
        var ours = IsOursByLuks(image, random);
        var canTakeAnyOrder = ours || format != "qed"; // QEMU's dies of an assertion then.
        if (!image.Layout.IsStream && canTakeAnyOrder && random.Next(3) == 0)
            args.AddRange(["-W", "-m", "8"]);
        image.Run(ours, "qemu-img", [.. args, image.Locator, target]);
        Become(image, target, null);
    }

    private static void Resize(RelayImage image, Random random)
    {
        var layout = image.Layout;
        if (layout.Name == "qcow2-old" && image.Snapshots.Count > 0)
            return;
        var (from, to) = (image.Content.Length, Beginning.RandomSize(random, layout));
        if (to < from && layout.Shrink == Means.None)
            to = from + to;
        var hidesBacking = to > from && image.Backing?.Content.Length > from;
        if (hidesBacking && layout.HideBacking == Means.None)
            return;
        // QEMU's copies a whole cluster up, also the last, and shows what a longer backing file had there when the image grows.
        var grow = layout.Format == "qed" && image.HadLongerBacking ? Means.Ours : layout.Grow;
        var ours = IsOurs(to < from ? layout.Shrink : hidesBacking ? layout.HideBacking : grow, random);
        // QEMU's leaves what lies behind the end in the last cluster, and shows it when the image grows again.
        if (to < from && !ours)
            to = Math.Min(from, (to + MostClusterSize - 1) / MostClusterSize * MostClusterSize);
        string[] shrink = to < from ? ["--shrink"] : [];
        image.Run(ours, "qemu-img", ["resize", "-q", "-f", layout.Format, .. shrink, image.Locator, $"{to}"]);
        var content = image.Content;
        Array.Resize(ref content, (int)(layout.RoundsSizes ? image.SizeOf(image.Name, layout.Format) : to));
        image.Content = content;
        if (layout.IsNoise && to > from)
            image.Read(ours: false, image.Name, layout.Format).AsSpan(from).CopyTo(content.AsSpan(from));
    }

    /// <summary>What the overlay holds goes into the image below, which may then take its place.</summary>
    private static void Commit(RelayImage image, Random random)
    {
        var backing = image.Backing!;
        var grows = backing.Content.Length < image.Content.Length;
        if (grows && image.Layout.OwnBackingOnly)
            return;
        var ours = IsOurs(grows && image.Layout.Grow == Means.Ours ? Means.Ours : Means.Both, random);
        image.Run(ours, "qemu-img", "commit", "-q", "-f", image.Layout.Format, image.Locator);
        var content = backing.Content.Length > image.Content.Length
            ? [.. image.Content, .. backing.Content.AsSpan(image.Content.Length)] : image.Content;
        image.Compare(content, image.Read(ours: false, backing.Name, backing.Format), "QEMU, below,");
        image.Compare(content, image.Read(ours: true, backing.Name, backing.Format), "ours, below,");
        image.Backing = backing with { Content = content };
        if (backing.Format != image.Layout.Format || (random.Next(2) == 0 && !image.Layout.OwnBackingOnly))
            return;
        image.Content = content;
        Become(image, backing.Name, null);
    }

    /// <summary>Another backing file, or none, below the same content.</summary>
    private static void Rebase(RelayImage image, Random random)
    {
        if (image.Backing is null || image.Snapshots.Count > 0)
            return;
        var layout = image.Layout;
        var backing = random.Next(2) == 0 || layout.LosesZeroes
            ? null
            : Beginning.MakeBacking(image, random, Beginning.RandomSize(random, layout));
        string[] format = backing is null ? [] : ["-F", backing.Format];
        var name = backing is null ? "" : layout.Locator(backing.Name, backing.Format);
        image.Run(random.Next(2) == 0,
            "qemu-img", ["rebase", "-f", layout.Format, "-b", name, .. format, image.Locator]);
        image.Backing = backing;
    }

    private static void Repair(RelayImage image, Random random)
    {
        if (image.Layout.Repair != Means.None)
            image.Repair(IsOurs(image.Layout.Repair, random));
    }

    private static void Become(RelayImage image, string name, RelayBacking? backing)
    {
        (image.Name, image.Backing) = (name, backing);
        image.HasSecondSecret = false;
        image.Snapshots.Clear();
        image.Bitmaps.Clear();
        if (image.Layout.RoundsSizes)
        {
            var content = image.Content;
            Array.Resize(ref content, (int)image.SizeOf(name, image.Layout.Format));
            image.Content = content;
        }
    }

    /// <summary>QEMU's takes two seconds to find out how fast passwords are tried here, so that it is not often asked.</summary>
    public static bool IsOursByLuks(RelayImage image, Random random) =>
        random.Next(2) == 0 || (image.Layout.SlotPrefix is not null && random.Next(4) != 0);

    public static bool IsOurs(Means means, Random random) => random.Next(2) == 0 || means == Means.Ours;
}
