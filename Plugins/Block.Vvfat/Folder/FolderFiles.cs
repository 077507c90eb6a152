// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.Vvfat.Folder;

/// <summary>
/// Reads the folder's files, and only as they were when the disk was made: each read looks before and after whether the file is
/// still that one. The files that were read last stay open.
/// </summary>
/// <param name="placeOf">Where a file is.</param>
/// <param name="comparesChanged">Whether a file that was renamed is another one.</param>
/// <param name="changed">Told once of each file that is not what it was.</param>
internal sealed unsafe class FolderFiles(
    Func<FolderItem, FilePlace> placeOf, bool followLinks, bool comparesChanged, Action<string> changed) : IDisposable
{
    private const int MostOpen = 64;

    private readonly Lock _lock = new();
    private readonly LinkedList<OpenFile> _recent = new();
    private readonly Dictionary<FolderItem, OpenFile> _open = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<FolderItem> _changed = new(ReferenceEqualityComparer.Instance);

    /// <summary>Blocking.</summary>
    /// <exception cref="BlockException">The file has changed or cannot be read.</exception>
    public void Read(FolderItem item, long offset, Span<byte> target)
    {
        var file = Take(item);
        try
        {
            while (!target.IsEmpty)
            {
                var read = ReadSome(file.Descriptor, offset, target, item);
                target = target[read..];
                offset += read;
            }

            Check(item, file.Descriptor);
        }
        finally
        {
            Return(file);
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (var file in _recent)
                file.Descriptor.Dispose();
            _recent.Clear();
            _open.Clear();
        }
    }

    private int ReadSome(FileDescriptor descriptor, long offset, Span<byte> target, FolderItem item)
    {
        fixed (byte* bytes = target)
        {
            var read = Libc.pread(descriptor.Value, bytes, (nuint)target.Length, offset);
            if (read > 0)
                return (int)read;
            if (read == 0)
                throw Changed(item);
            var errno = SystemError.Last;
            return errno == Errno.EINTR ? 0 : throw SystemError.Exception($"Could not read file '{item.Path}'", errno, offset);
        }
    }

    private OpenFile Take(FolderItem item)
    {
        lock (_lock)
        {
            if (_open.TryGetValue(item, out var known))
            {
                known.Users++;
                _recent.Remove(known.Place);
                _recent.AddLast(known.Place);
                return known;
            }
        }

        var place = placeOf(item);
        var descriptor = FolderCalls.TryOpen(
            place.Folder, place.Path, OpenFlags.ReadOnly | OpenFlags.NonBlocking, 0, followLinks, out var errno);
        if (descriptor is null)
            throw errno is Errno.ENOENT or Errno.ENOTDIR ? Changed(item) : SystemError.Exception($"Could not open file '{item.Path}'", errno);
        try
        {
            Check(item, descriptor);
        }
        catch
        {
            descriptor.Dispose();
            throw;
        }

        return Keep(item, descriptor);
    }

    private OpenFile Keep(FolderItem item, FileDescriptor descriptor)
    {
        lock (_lock)
        {
            var file = new OpenFile(item, descriptor) { Users = 1 };
            // Somebody else may have opened it meanwhile: that one stays known, this one goes when it is returned.
            if (_open.TryAdd(item, file))
            {
                _recent.AddLast(file.Place);
                CloseOldest();
            }

            return file;
        }
    }

    private void CloseOldest()
    {
        for (var place = _recent.First; place is not null && _open.Count > MostOpen;)
        {
            var (file, next) = (place.Value, place.Next);
            if (file.Users == 0)
            {
                _recent.Remove(place);
                _open.Remove(file.Item);
                file.Descriptor.Dispose();
            }

            place = next;
        }
    }

    private void Return(OpenFile file)
    {
        lock (_lock)
        {
            file.Users--;
            if (file.Users == 0 && !(_open.TryGetValue(file.Item, out var known) && ReferenceEquals(known, file)))
                file.Descriptor.Dispose();
            CloseOldest();
        }
    }

    private void Check(FolderItem item, FileDescriptor descriptor)
    {
        var (now, then) = (FileIdentity.Of(descriptor.Status()), item.Identity);
        if (comparesChanged ? now != then : now.WithoutChanged() != then.WithoutChanged())
            throw Changed(item);
    }

    private BlockException Changed(FolderItem item)
    {
        bool isNew;
        lock (_lock)
            isNew = _changed.Add(item);
        if (isNew)
            changed(item.Path);
        return new BlockException(BlockErrorKind.Io, $"File '{item.Path}' has changed since the disk was made of its folder");
    }

    private sealed class OpenFile
    {
        public OpenFile(FolderItem item, FileDescriptor descriptor)
        {
            (Item, Descriptor) = (item, descriptor);
            Place = new LinkedListNode<OpenFile>(this);
        }

        public FolderItem Item { get; }

        public FileDescriptor Descriptor { get; }

        public LinkedListNode<OpenFile> Place { get; }

        public int Users { get; set; }
    }
}
