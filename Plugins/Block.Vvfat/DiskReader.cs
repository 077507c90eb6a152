// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Vvfat.Folder;
using BlockHost.Plugins.Block.Vvfat.Layout;

namespace BlockHost.Plugins.Block.Vvfat;

/// <summary>Reads the disk that a folder is shown as.</summary>
internal sealed class DiskReader(DiskLayout layout, FolderFiles files)
{
    /// <summary>Whether the range holds data of files, so that reading it may take time.</summary>
    public bool NeedsFiles(long offset, long length)
    {
        for (var end = offset + length; offset < end;)
        {
            var extent = layout.Find(offset);
            if (extent.Kind == ExtentKind.File)
                return true;
            offset += extent.Length;
        }

        return false;
    }

    /// <summary>Blocking where there are files.</summary>
    public void Read(long offset, Span<byte> target)
    {
        while (!target.IsEmpty)
        {
            var extent = layout.Find(offset);
            var part = target[..(int)Math.Min(extent.Length, target.Length)];
            ReadExtent(extent, part);
            offset += part.Length;
            target = target[part.Length..];
        }
    }

    private void ReadExtent(in Extent extent, Span<byte> target)
    {
        switch (extent.Kind)
        {
            case ExtentKind.Bytes:
                extent.Bytes.AsSpan((int)extent.At, target.Length).CopyTo(target);
                break;
            case ExtentKind.Table:
                layout.ReadTable(extent.At, target);
                break;
            case ExtentKind.File:
                files.Read(extent.File!, extent.At, target);
                break;
            default:
                target.Clear();
                break;
        }
    }
}
