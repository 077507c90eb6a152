// SPDX-License-Identifier: MIT
namespace BlockHost.Sequences.Tests.Relays;

/// <summary>What qcow2 images have beside data: snapshots, bitmaps, and options that can be amended.</summary>
internal static class Qcow2Steps
{
    public static void Take(RelayImage image, Random random)
    {
        switch (random.Next(4))
        {
            case 0 or 1:
                Snapshot(image, random);
                break;
            case 2 when IsNew(image):
                Bitmap(image, random);
                break;
            default:
                Amend(image, random);
                break;
        }
    }

    private static bool IsNew(RelayImage image) => image.Layout.Name != "qcow2-old";

    private static void Snapshot(RelayImage image, Random random)
    {
        var ours = random.Next(2) == 0;
        if (image.Snapshots.Count > 0 && random.Next(2) == 0)
        {
            var (name, content) = image.Snapshots.ElementAt(random.Next(image.Snapshots.Count));
            var apply = random.Next(2) == 0 && content.Length == image.Content.Length;
            image.Run(ours, "qemu-img", "snapshot", apply ? "-a" : "-d", name, image.Locator);
            if (apply)
                image.Content = (byte[])content.Clone();
            else
                image.Snapshots.Remove(name);
            return;
        }

        var taken = $"s{random.Next()}";
        image.Run(ours, "qemu-img", "snapshot", "-c", taken, image.Locator);
        image.Snapshots[taken] = (byte[])image.Content.Clone();
    }

    private static void Bitmap(RelayImage image, Random random)
    {
        var ours = random.Next(2) == 0;
        if (image.Bitmaps.Count > 0 && random.Next(2) == 0)
        {
            var (name, isEnabled) = image.Bitmaps.ElementAt(random.Next(image.Bitmaps.Count));
            var change = random.Next(3) switch { 0 => "--remove", 1 => "--clear", _ => isEnabled ? "--disable" : "--enable" };
            image.Run(ours, "qemu-img", "bitmap", change, image.Locator, name);
            if (change == "--remove")
                image.Bitmaps.Remove(name);
            else if (change != "--clear")
                image.Bitmaps[name] = !isEnabled;
            return;
        }

        var added = $"b{random.Next()}";
        image.Run(ours, "qemu-img", "bitmap", "--add", "-g", $"{1 << random.Next(12, 17)}", image.Locator, added);
        image.Bitmaps[added] = true;
    }

    private static void Amend(RelayImage image, Random random)
    {
        if (IsNew(image))
        {
            Amend(image, random, $"lazy_refcounts={(random.Next(2) == 0 ? "on" : "off")}");
            return;
        }

        // To the new version and back.
        var changesWidth = random.Next(2) == 0 && image.Snapshots.Count == 0;
        Amend(image, random, "compat=1.1" + (changesWidth ? $",refcount_bits={1 << random.Next(3, 7)}" : ""));
        Amend(image, random, changesWidth ? "refcount_bits=16" : "lazy_refcounts=off");
        Amend(image, random, "compat=0.10");
    }

    private static void Amend(RelayImage image, Random random, string options) =>
        image.Run(random.Next(2) == 0, "qemu-img", "amend", "-f", "qcow2", "-o", options, image.Locator);
}
