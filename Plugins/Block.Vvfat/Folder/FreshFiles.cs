// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Vvfat.Folder;

/// <summary>
/// The kernel's clock for files stands still for some milliseconds: a file that changes twice in them has the same time after
/// both. Nothing of a file may be read before its time is over, or the second change could not be told.
/// </summary>
internal static class FreshFiles
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(20);

    public static async ValueTask WaitAsync(FolderItem folder, TimeProvider clock, CancellationToken cancellationToken)
    {
        var age = clock.GetUtcNow() - NewestIn(folder);
        // What is to come in time differs from what a change is given now.
        if (age >= TimeSpan.Zero && age < Tick)
            await Task.Delay(Tick - age, clock, cancellationToken).ConfigureAwait(false);
    }

    private static DateTimeOffset NewestIn(FolderItem item)
    {
        var newest = item.Identity.Changed;
        foreach (var child in item.Children ?? [])
        {
            if (NewestIn(child) is var other && other > newest)
                newest = other;
        }

        return newest;
    }
}
