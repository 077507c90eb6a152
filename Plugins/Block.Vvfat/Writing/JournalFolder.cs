// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.Vvfat.Writing;

/// <summary>
/// The journal, a folder beside the one that is shown, named after it:
/// <code>
///   .NAME.vvfat/  lock     who has it open
///                 layout   the disk as it was made; where it is missing, the journal means nothing
///                 data map what the guest has written
///                 state    what the folder holds of it
///                 plan     a change of the folder under way
///                 f-1 …    files on their way, and such as the disk was made of and the folder has no more
/// </code>
/// Files appear whole: they are written under another name, flushed and renamed. Blocking.
/// </summary>
internal sealed class JournalFolder : IDisposable
{
    public const string LayoutName = "layout";
    public const string StateName = "state";
    public const string PlanName = "plan";
    private const string LockName = "lock";

    private readonly FileDescriptor _lock;

    private JournalFolder(string path, FileDescriptor folder, FileDescriptor locked) =>
        (FullPath, Folder, _lock) = (path, folder, locked);

    public string FullPath { get; }

    public FileDescriptor Folder { get; }

    public bool HasLayout => Has(LayoutName);

    /// <summary>Called before each change of the folder or the journal that matters after a crash; for tests.</summary>
    public Action<string>? BeforeStep { get; set; }

    /// <param name="shown">The folder that is shown.</param>
    /// <exception cref="BlockException">Another process has it open, or it cannot be made.</exception>
    public static JournalFolder Open(string shown)
    {
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(shown));
        full = new DirectoryInfo(full).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? full;
        var name = Path.GetFileName(full);
        if (name.Length == 0)
            throw new BlockException(BlockErrorKind.InvalidArgument, $"'{shown}' has no place beside it for a journal");
        var path = Path.Combine(Path.GetDirectoryName(full)!, $".{name}.vvfat");
        // Whoever removes a journal removes the lock last: one that was waited for may be gone.
        for (var tries = 0; tries < 16; tries++)
        {
            Make(path);
            if (TryLock(path, shown) is { } journal)
                return journal;
        }

        throw new BlockException(BlockErrorKind.Busy, $"The journal of '{shown}' is being made and removed by others");
    }

    public BlockException Damaged(string name) =>
        new(BlockErrorKind.Corrupt, $"'{Path.Combine(FullPath, name)}' is damaged: it does not fit the folder's disk");

    public bool Has(string name) => FolderCalls.TryStatus(Folder, name) is not null;

    public T? Read<T>(string name, JsonTypeInfo<T> type)
        where T : class
    {
        var path = Path.Combine(FullPath, name);
        if (!File.Exists(path))
            return null;
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), type);
        }
        catch (JsonException e)
        {
            throw new BlockException(BlockErrorKind.Corrupt, $"'{path}' is damaged: {e.Message}", innerException: e);
        }
    }

    /// <summary>Stable when it returns.</summary>
    public void Write<T>(string name, T value, JsonTypeInfo<T> type)
    {
        BeforeStep?.Invoke($"write {name}");
        var temporary = Path.Combine(FullPath, name + ".new");
        using (var file = File.OpenHandle(temporary, FileMode.Create, FileAccess.Write))
        {
            RandomAccess.Write(file, JsonSerializer.SerializeToUtf8Bytes(value, type), 0);
            RandomAccess.FlushToDisk(file);
        }

        BeforeStep?.Invoke($"rename {name}");
        File.Move(temporary, Path.Combine(FullPath, name), overwrite: true);
        Sync(Folder);
    }

    public void Remove(string name)
    {
        BeforeStep?.Invoke($"remove {name}");
        _ = FolderCalls.Remove(Folder, name, isFolder: false);
    }

    /// <summary>Takes away what a journal that means nothing any more has left.</summary>
    public void Clear()
    {
        Remove(LayoutName);
        Sync(Folder);
        foreach (var name in FolderCalls.List(Folder, out _))
        {
            if (name != LockName)
                Remove(name);
        }
    }

    /// <summary>Takes the journal away.</summary>
    public void Delete()
    {
        Clear();
        BeforeStep?.Invoke("remove lock");
        _ = FolderCalls.Remove(Folder, LockName, isFolder: false);
        using var parent = FolderCalls.TryOpenFolder(Path.GetDirectoryName(FullPath)!, out _);
        if (parent is not null)
            _ = FolderCalls.Remove(parent, Path.GetFileName(FullPath), isFolder: true);
    }

    public static void Sync(FileDescriptor folder)
    {
        if (Libc.fsync(folder.Value) < 0 && SystemError.Last is var errno && errno != Errno.EINVAL)
            throw SystemError.Exception("Could not flush a folder", errno);
    }

    public unsafe void Dispose()
    {
        // A process that is being started has a copy of the descriptor for a moment, which would hold the lock.
        var unlocked = new FileLock { Type = LockCommand.Unlock };
        _ = Libc.fcntl(_lock.Value, LockCommand.OfdSetLock, &unlocked);
        Folder.Dispose();
        _lock.Dispose();
    }

    private static void Make(string path)
    {
        const uint OwnersOnly = 0b111_000_000;
        using var parent = FolderCalls.TryOpenFolder(Path.GetDirectoryName(path)!, out var errno);
        if (parent is not null)
            errno = FolderCalls.MakeFolder(parent, Path.GetFileName(path), OwnersOnly);
        if (errno is not (0 or Errno.EEXIST))
            throw SystemError.Exception($"Could not make the journal '{path}'", errno);
    }

    private static unsafe JournalFolder? TryLock(string path, string shown)
    {
        const uint OwnerOnly = 0b110_000_000;
        var folder = FolderCalls.TryOpenFolder(path, out var errno);
        if (folder is null)
            return errno == Errno.ENOENT ? null : throw SystemError.Exception($"Could not open '{path}'", errno);
        var file = FolderCalls.TryOpen(
            folder, LockName, OpenFlags.ReadWrite | OpenFlags.Create, OwnerOnly, followLinks: false, out errno);
        if (file is not null)
        {
            var wanted = new FileLock { Type = LockCommand.Write };
            var isLocked = Libc.fcntl(file.Value, LockCommand.OfdSetLock, &wanted) >= 0;
            var isThere = isLocked && FolderCalls.TryStatus(folder, LockName) is { } there && there.IsSameFile(file.Status());
            if (isThere)
                return new JournalFolder(path, folder, file);
            file.Dispose();
            folder.Dispose();
            return isLocked
                ? null
                : throw new BlockException(BlockErrorKind.Busy, $"Folder '{shown}' is open for writing elsewhere");
        }

        folder.Dispose();
        return errno == Errno.ENOENT ? null : throw SystemError.Exception($"Could not lock '{path}'", errno);
    }
}
