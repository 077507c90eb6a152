// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Vvfat.Folder;
using BlockHost.Plugins.Block.Vvfat.Layout;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.Vvfat.Writing;

/// <summary>
/// A folder that a guest writes to. What it writes goes to the journal; when its file system is whole, the folder is brought up
/// to date.
/// <code>
///   disk = the folder as it was when the disk was made    its files stay to be read, where they are in the journal by now
///          + what the guest has written                   until the disk is closed
/// </code>
/// Blocking; one thread at a time.
/// </summary>
internal sealed class WritableFolder : IDisposable
{
    private readonly FileDescriptor _root;
    private readonly JournalFolder _journal;
    private readonly DiskLayout _layout;
    private readonly TimeZoneInfo _zone;
    private readonly FolderFiles _files;
    private readonly DiskReader _reader;
    private readonly Overlay _overlay;
    private readonly FolderChanger _changer;
    private readonly Dictionary<FolderItem, int> _runs = new(ReferenceEqualityComparer.Instance);
    private Dictionary<int, MovedRecord> _moved;
    private StateRecord _state;
    private bool _hasPlan;

    /// <param name="layout">Of which the state speaks.</param>
    public WritableFolder(
        FileDescriptor root, JournalFolder journal, DiskLayout layout, StateRecord state, TimeZoneInfo zone,
        Action<string> changed)
    {
        (_root, _journal, _layout, _state, _zone) = (root, journal, layout, state, zone);
        _moved = state.Moved.ToDictionary(moved => moved.Run);
        for (var i = 0; i < layout.Runs.Count; i++)
            _runs[layout.Runs[i].Item] = i;
        _files = new FolderFiles(PlaceOf, followLinks: false, comparesChanged: false, changed);
        _reader = new DiskReader(layout, _files);
        _changer = new FolderChanger(root, journal);
        _overlay = Overlay.Open(journal.FullPath, layout.Geometry.Length);
        _hasPlan = journal.Has(JournalFolder.PlanName);
    }

    public DiskLayout Layout => _layout;

    public SectorMap Written => _overlay.Written;

    /// <summary>Why the folder does not hold what the guest has written; null: it does.</summary>
    public string? Problem { get; private set; }

    public void Read(long offset, Span<byte> target) => _overlay.Read(offset, target, _reader.Read);

    public void Write(long offset, IoSlice source) => _overlay.Write(offset, source);

    /// <summary>What was written is stable.</summary>
    public void Flush() => _overlay.Flush();

    /// <summary>Brings the folder up to date, where the guest's file system is whole. What was written was flushed.</summary>
    /// <returns>False: <see cref="Problem"/>. All stays in the journal.</returns>
    public bool TakeBack()
    {
        try
        {
            FinishPlan();
            if (_overlay.Fresh.Any(0, _overlay.Fresh.Sectors))
                Change();
            Problem = null;
        }
        catch (Exception e) when (e is GuestFaultException or IOException or UnauthorizedAccessException)
        {
            Problem = e.Message;
        }

        return Problem is null;
    }

    /// <summary>The journal goes when it holds nothing that the folder does not.</summary>
    public void Close()
    {
        Flush();
        if (TakeBack())
            _journal.Delete();
    }

    /// <summary>Ends, and leaves the folder and its journal open.</summary>
    public void Release()
    {
        _overlay.Dispose();
        _files.Dispose();
    }

    public void Dispose()
    {
        Release();
        _journal.Dispose();
        _root.Dispose();
    }

    /// <summary>Files of the journal that no record speaks of: they were made for a plan that never was.</summary>
    public void RemoveLooseFiles()
    {
        var known = _state.Moved.Where(moved => moved.InJournal).Select(moved => moved.Path).ToHashSet(StringComparer.Ordinal);
        if (_journal.Read(JournalFolder.PlanName, JournalJson.Default.PlanRecord) is { } plan)
            known.UnionWith(plan.Steps.Select(step => step.File));
        foreach (var name in FolderCalls.List(_journal.Folder, out _))
        {
            if (name.StartsWith("f-", StringComparison.Ordinal) && !known.Contains(name))
                _journal.Remove(name);
        }
    }

    private void FinishPlan()
    {
        if (!_hasPlan)
            return;
        if (_journal.Read(JournalFolder.PlanName, JournalJson.Default.PlanRecord) is { } plan)
        {
            _changer.Carry(plan);
            TakeState(plan.Result);
        }

        _hasPlan = false;
    }

    private void Change()
    {
        var guest = GuestVolume.Read(_layout.Geometry, _layout.Reserved, Read, _zone);
        var made = new List<string>();
        try
        {
            var maker = new FileMaker(_layout.Geometry, Read, _journal);
            var plan = new PlanMaker(_state, IsFresh).Make(guest, (name, item, old) =>
            {
                made.Add(name);
                return maker.Make(name, item, old is { IsFolder: false } ? ModeOf(old.Path) : null);
            });
            if (plan is not null)
            {
                _changer.Check(plan);
                JournalFolder.Sync(_journal.Folder);
                _journal.Write(JournalFolder.PlanName, plan, JournalJson.Default.PlanRecord);
            }
        }
        finally
        {
            // It may be there though writing it failed in the end.
            _hasPlan = _journal.Has(JournalFolder.PlanName);
            if (!_hasPlan)
                made.ForEach(_journal.Remove);
        }

        _overlay.Fresh.Clear();
        FinishPlan();
    }

    private void TakeState(StateRecord state)
    {
        _state = state;
        _moved = state.Moved.ToDictionary(moved => moved.Run);
    }

    private bool IsFresh(IReadOnlyList<ClusterSpan> chain)
    {
        var geometry = _layout.Geometry;
        return chain.Any(span => _overlay.Fresh.Any(
            geometry.OffsetOf(span.First) / FatGeometry.SectorSize, span.Count * (long)geometry.SectorsPerCluster));
    }

    private FilePlace PlaceOf(FolderItem item) =>
        _runs.TryGetValue(item, out var run) && _moved.TryGetValue(run, out var moved)
            ? new(moved.InJournal ? _journal.Folder : _root, moved.Path)
            : new(_root, item.Path);

    private ushort? ModeOf(string path)
    {
        using var file = FolderCalls.TryOpen(_root, path, OpenFlags.PathOnly, 0, followLinks: false, out _);
        return file?.Status().Mode;
    }
}
