// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Rbd.Native;

namespace BlockHost.Plugins.Block.Rbd.Client;

/// <summary>
/// Snapshots of an image: they have a name and no other id, as QEMU's driver shows them, and hold no machine's state.
/// </summary>
internal static class ImageSnapshots
{
    /// <summary>Where QEMU keeps ids.</summary>
    private const int MaxNameBytes = 127;

    public static unsafe IReadOnlyList<SnapshotRecord> List(ImageHandle image)
    {
        var entries = new SnapshotEntry[16];
        while (true)
        {
            var count = entries.Length;
            fixed (SnapshotEntry* list = entries)
            {
                var result = Librbd.rbd_snap_list(image, list, ref count);
                if (result == -Errno.ERANGE && count > entries.Length)
                {
                    entries = new SnapshotEntry[count];
                    continue;
                }

                CephLibraries.Check(result, "Could not list snapshots");
                var records = entries.Take(result).Select(Record).ToArray();
                Librbd.rbd_snap_list_end(list);
                return records;
            }
        }
    }

    public static SnapshotRecord Create(ImageHandle image, SnapshotRecord snapshot)
    {
        var name = Checked(snapshot.Name, snapshot.Id);
        CephLibraries.Check(Librbd.rbd_snap_create(image, name), "failed to create snap");
        return snapshot with { Id = name };
    }

    public static void Delete(ImageHandle image, string id, string? name)
    {
        if (name is null)
            throw new BlockException(BlockErrorKind.InvalidArgument, "rbd need a valid snapshot name");
        if (id.Length > 0 && id != name)
            throw new BlockException(
                BlockErrorKind.InvalidArgument,
                "rbd do not support snapshot id, it should be NULL or equal to snapshot name");
        CephLibraries.Check(Librbd.rbd_snap_remove(image, Checked(name, id)), "Failed to remove the snapshot");
    }

    /// <summary>The image's length may be another then.</summary>
    public static void Apply(ImageHandle image, string name) =>
        CephLibraries.Check(Librbd.rbd_snap_rollback(image, Checked(name, "")), "Failed to load snapshot");

    public static void Show(ImageHandle image, string name) =>
        CephLibraries.Check(Librbd.rbd_snap_set(image, Checked(name, "")), "Failed to load snapshot");

    private static string Checked(string name, string id)
    {
        if (name.Length == 0 || (id.Length > 0 && id != name))
            throw new BlockException(BlockErrorKind.InvalidArgument, "A snapshot has a name, and no other id");
        if (System.Text.Encoding.UTF8.GetByteCount(name) > MaxNameBytes)
            throw new BlockException(
                BlockErrorKind.InvalidArgument, $"A snapshot's name has at most {MaxNameBytes} bytes", Errno.ERANGE);
        return ImageSettings.Checked("name", name);
    }

    /// <summary>QEMU shows the size of the disk as that of the machine's state, and no date.</summary>
    private static SnapshotRecord Record(SnapshotEntry entry)
    {
        var name = Marshal.PtrToStringUTF8(entry.Name)!;
        var size = (long)Math.Min(entry.Size, long.MaxValue);
        return new(name, name, size, DateTimeOffset.UnixEpoch, TimeSpan.Zero) { InstructionCount = 0 };
    }
}
