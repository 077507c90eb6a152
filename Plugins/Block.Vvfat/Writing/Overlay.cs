// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using BlockHost.Block;
using BlockHost.Plugins.Block.Vvfat.Layout;
using BlockHost.Posix;
using Microsoft.Win32.SafeHandles;

namespace BlockHost.Plugins.Block.Vvfat.Writing;

/// <summary>
/// What the guest has written, in two files of the journal:
/// <code>
///   data   each sector at its place on the disk; holes elsewhere
///   map    a bit for each sector: it is in data
/// </code>
/// A bit is stored only after its sector is stable, so that after a crash a sector reads as it was flushed last, as before, or
/// as it was written since. Blocking; one thread at a time.
/// </summary>
internal sealed class Overlay : IDisposable
{
    private const int Sector = FatGeometry.SectorSize;

    /// <summary>Words of the map that are stored at once.</summary>
    private const int PageWords = 512;

    private readonly SafeFileHandle _data;
    private readonly SafeFileHandle _mapFile;
    private readonly SectorMap _map;
    private readonly HashSet<long> _changedPages = [];
    private bool _isSynced = true;

    private Overlay(SafeFileHandle data, SafeFileHandle mapFile, long length)
    {
        (_data, _mapFile, _map) = (data, mapFile, new SectorMap(length / Sector));
        Fresh = new SectorMap(length / Sector);
    }

    /// <summary>Sectors written since the folder was brought up to date.</summary>
    public SectorMap Fresh { get; }

    public SectorMap Written => _map;

    /// <exception cref="BlockException">A file is not as long as it was made: what the guest has written is lost.</exception>
    public static Overlay Open(string folder, long length)
    {
        var data = OpenFile(Path.Combine(folder, "data"));
        var map = OpenFile(Path.Combine(folder, "map"));
        var overlay = new Overlay(data, map, length);
        try
        {
            // An empty file is one that was just made: before anything is in the map, both have their lengths.
            SetLength(map, Path.Combine(folder, "map"), overlay._map.Words.Length * (long)sizeof(ulong), mayBeNew: true);
            overlay.LoadMap();
            SetLength(data, Path.Combine(folder, "data"), length, mayBeNew: !overlay._map.Any(0, overlay._map.Sectors));
            return overlay;
        }
        catch
        {
            overlay.Dispose();
            throw;
        }
    }

    /// <summary>Reads the sectors that were written; <paramref name="below"/> reads the others.</summary>
    public void Read(long offset, Span<byte> target, ReadDisk below)
    {
        while (!target.IsEmpty)
        {
            var (isWritten, count) = _map.RunAt(offset / Sector, target.Length / Sector);
            var part = target[..(int)(count * Sector)];
            if (isWritten)
                ReadData(offset, part);
            else
                below(offset, part);
            offset += part.Length;
            target = target[part.Length..];
        }
    }

    public void Write(long offset, IoSlice source)
    {
        // Before: a write that fails half-way may have changed a sector that was there.
        _isSynced = false;
        var at = offset;
        try
        {
            foreach (var segment in source)
            {
                RandomAccess.Write(_data, segment.Span, at);
                at += segment.Length;
            }
        }
        catch (IOException e)
        {
            // The runtime gives the errno there.
            var kind = e.HResult == Errno.ENOSPC ? BlockErrorKind.NoSpace : BlockErrorKind.Io;
            throw new BlockException(kind, $"Could not write to the journal of the folder: {e.Message}", innerException: e);
        }

        var (first, count) = (offset / Sector, source.Length / Sector);
        _map.Set(first, count);
        Fresh.Set(first, count);
        for (var page = PageOf(first); page <= PageOf(first + count - 1); page++)
            _changedPages.Add(page);
    }

    public void Flush()
    {
        if (_isSynced)
            return;
        Sync(_data);
        foreach (var page in _changedPages)
        {
            var words = _map.Words.AsSpan((int)(page * PageWords));
            RandomAccess.Write(
                _mapFile, MemoryMarshal.AsBytes(words[..Math.Min(words.Length, PageWords)]), page * PageWords * sizeof(ulong));
        }

        _changedPages.Clear();
        Sync(_mapFile);
        _isSynced = true;
    }

    public void Dispose()
    {
        _data.Dispose();
        _mapFile.Dispose();
    }

    private static void SetLength(SafeFileHandle file, string path, long length, bool mayBeNew)
    {
        var there = RandomAccess.GetLength(file);
        if (there != length && !(there == 0 && mayBeNew))
            throw new BlockException(BlockErrorKind.Corrupt, $"'{path}' is damaged: it has {there} bytes, not {length}");
        RandomAccess.SetLength(file, length);
    }

    private void LoadMap()
    {
        var bytes = MemoryMarshal.AsBytes(_map.Words.AsSpan());
        long at = 0;
        while (!bytes.IsEmpty && RandomAccess.Read(_mapFile, bytes, at) is var read and > 0)
        {
            bytes = bytes[read..];
            at += read;
        }

        // What the folder has of it nobody knows any more.
        _map.Words.CopyTo(Fresh.Words, 0);
    }

    private void ReadData(long offset, Span<byte> target)
    {
        while (!target.IsEmpty)
        {
            var read = RandomAccess.Read(_data, target, offset);
            if (read == 0)
                throw new BlockException(BlockErrorKind.Io, "The journal of the folder is shorter than it was");
            target = target[read..];
            offset += read;
        }
    }

    private static long PageOf(long sector) => sector / (PageWords * 64);

    private static SafeFileHandle OpenFile(string path) =>
        File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite);

    private static void Sync(SafeFileHandle file)
    {
        if (FileCalls.DataSync((int)file.DangerousGetHandle()) is var errno and not 0)
            throw SystemError.Exception("Could not flush the journal of the folder", errno);
    }
}
