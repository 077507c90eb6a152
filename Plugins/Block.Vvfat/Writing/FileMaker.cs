// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Vvfat.Folder;
using BlockHost.Plugins.Block.Vvfat.Layout;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.Vvfat.Writing;

/// <summary>Makes files of the journal from what the guest's disk holds. They are stable when they are made. Blocking.</summary>
internal sealed class FileMaker(FatGeometry geometry, ReadDisk read, JournalFolder journal)
{
    private const int PieceSize = 1 << 20;
    private const uint PermissionBits = 0b111_111_111;

    private readonly byte[] _piece = new byte[PieceSize];

    /// <param name="mode">Of the file whose place it takes; null: a new file's.</param>
    public FileIdentity Make(string name, GuestItem item, ushort? mode)
    {
        journal.BeforeStep?.Invoke($"make {item.Path}");
        var path = Path.Combine(journal.FullPath, name);
        using (var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write))
        {
            RandomAccess.SetLength(file, item.Size);
            Copy(item, (bytes, at) => RandomAccess.Write(file, bytes, at));
            // Where the file system has no modes it has none to keep.
            if (mode is { } bits)
                _ = Libc.fchmod((int)file.DangerousGetHandle(), bits & PermissionBits);
            if (item.Modified is { } time)
                File.SetLastWriteTimeUtc(file, time.UtcDateTime);
            RandomAccess.FlushToDisk(file);
        }

        return FileIdentity.Of(FolderCalls.TryStatus(journal.Folder, name)!.Value).WithoutChanged();
    }

    private void Copy(GuestItem item, WritePiece write)
    {
        long at = 0;
        foreach (var span in item.Chain)
        {
            var (offset, end) = (geometry.OffsetOf(span.First), geometry.OffsetOf(span.First + span.Count));
            while (offset < end && at < item.Size)
            {
                // Whole sectors are read, of which the last one may be the file's in part.
                var piece = _piece.AsSpan(0, (int)Math.Min(end - offset, PieceSize));
                read(offset, piece);
                var own = piece[..(int)Math.Min(piece.Length, item.Size - at)];
                // Zeroes are there already, as a hole.
                if (own.ContainsAnyExcept((byte)0))
                    write(own, at);
                offset += piece.Length;
                at += own.Length;
            }
        }
    }

    private delegate void WritePiece(ReadOnlySpan<byte> bytes, long at);
}
