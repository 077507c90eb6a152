// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Vvfat.Folder;
using BlockHost.Plugins.Block.Vvfat.Layout;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.Vvfat;

/// <summary>A folder, shown as a disk that is only read.</summary>
internal sealed class FolderNode : BlockNode
{
    private readonly FileDescriptor _root;
    private readonly FolderFiles _files;
    private readonly DiskLayout _layout;
    private readonly DiskReader _reader;
    private readonly ReadDisk _read;

    public FolderNode(FileDescriptor root, FolderFiles files, DiskLayout layout)
    {
        (_root, _files, _layout) = (root, files, layout);
        _reader = new DiskReader(layout, files);
        _read = _reader.Read;
        Profile = new()
        {
            Length = layout.Geometry.Length,
            Limits = new() { RequestAlignment = FatGeometry.SectorSize, MaxTransfer = SliceReads.MostBytes },
            Status = Support.Native,
        };
    }

    public override BlockProfile Profile { get; }

    public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        if (_reader.NeedsFiles(offset, target.Length))
            return ReadFilesAsync(offset, target, cancellationToken);
        SliceReads.Read(_read, offset, target);
        return default;
    }

    public override ValueTask<BlockStatus> GetStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken) =>
        new(DiskStatus.At(_layout, offset, bytes));

    public override ValueTask DisposeAsync()
    {
        _files.Dispose();
        _root.Dispose();
        return default;
    }

    private ValueTask ReadFilesAsync(long offset, IoSlice target, CancellationToken cancellationToken) =>
        new(Task.Run(() => SliceReads.Read(_read, offset, target), cancellationToken));
}
