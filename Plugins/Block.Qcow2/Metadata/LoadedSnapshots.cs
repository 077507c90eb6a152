// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>The snapshot table of an image, with the damage that only an image opened for a check may have.</summary>
/// <param name="Bytes">What the table takes.</param>
internal sealed record LoadedSnapshots(IReadOnlyList<SnapshotEntry> Entries, long Bytes)
{
    public static LoadedSnapshots None { get; } = new([], 0);

    /// <summary>No table can be where the header says.</summary>
    public bool IsMisplaced { get; init; }

    /// <summary>Snapshots beyond what a table can hold.</summary>
    public int Overhanging { get; init; }

    /// <summary>Entries with more extra data than there can be, and how much; without it here.</summary>
    public IReadOnlyList<(int Index, uint Extra)> Trimmed { get; init; } = [];

    public static Qcow2FormatException TooMuchExtra(int index) =>
        new($"Too much extra metadata in snapshot table entry {index}", Qcow2Fault.TooLarge)
        {
            Hint = "You can force-remove this extra metadata with qemu-img check -r all",
        };
}
