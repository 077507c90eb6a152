// SPDX-License-Identifier: MIT
using System.Globalization;
using BlockHost.Plugins.Block.Vvfat.Folder;

namespace BlockHost.Plugins.Block.Vvfat.Writing;

/// <summary>
/// Finds what is to be done to the folder so that it holds what the guest's directories say. Of files, in this order:
/// <code>
///   TakeOut       what is gone, moved or changed             the folder's files are kept in the journal
///   RemoveFolder  from the deepest
///   MakeFolder    from the highest
///   PutIn         what was moved, and what was made from the guest's disk
///   Delete        what nobody needs any more
/// </code>
/// </summary>
/// <param name="state">What the folder holds.</param>
/// <param name="isFresh">Whether something of these clusters was written since.</param>
internal sealed class PlanMaker(StateRecord state, Func<IReadOnlyList<ClusterSpan>, bool> isFresh)
{
    private readonly Dictionary<string, ItemRecord> _old = state.Items.ToDictionary(item => item.Path, StringComparer.Ordinal);
    private readonly List<PlanStep> _takeOut = [];
    private readonly List<PlanStep> _removeFolder = [];
    private readonly List<PlanStep> _makeFolder = [];
    private readonly List<PlanStep> _putIn = [];
    private readonly List<PlanStep> _delete = [];
    private readonly List<ItemRecord> _items = [];
    private readonly Dictionary<int, MovedRecord> _moved = state.Moved.ToDictionary(moved => moved.Run);
    private readonly Dictionary<string, (string File, ItemRecord Item)> _loose = new(StringComparer.Ordinal);
    private readonly Dictionary<uint, string> _byCluster = [];
    private int _next = state.NextNumber;

    /// <param name="make">
    /// Makes a file of the journal from the guest's disk: its name, whose content, and whose place it takes.
    /// </param>
    /// <returns>Null: the folder is up to date.</returns>
    public PlanRecord? Make(IReadOnlyList<GuestItem> guest, Func<string, GuestItem, ItemRecord?, FileIdentity> make)
    {
        var changed = new List<GuestItem>();
        var kept = new HashSet<string>(StringComparer.Ordinal);
        foreach (var item in guest)
        {
            if (_old.TryGetValue(item.Path, out var old) && IsSame(old, item))
            {
                kept.Add(item.Path);
                _items.Add(old with { Chain = item.Chain });
            }
            else
            {
                changed.Add(item);
            }
        }

        TakeOutAllBut(kept);
        foreach (var item in changed)
            Add(item, make);
        foreach (var (file, item) in _loose.Values)
            Leave(file, item);
        return _takeOut.Count + _removeFolder.Count + _makeFolder.Count + _putIn.Count == 0
            ? null
            : new PlanRecord
            {
                Steps = [.. _takeOut, .. _removeFolder, .. _makeFolder, .. _putIn, .. _delete],
                Result = new StateRecord { Items = _items, Moved = [.. _moved.Values], NextNumber = _next },
            };
    }

    private bool IsSame(ItemRecord old, GuestItem item) =>
        old.IsFolder == item.IsFolder && (old.IsFolder || HasContentOf(old, item));

    private bool HasContentOf(ItemRecord old, GuestItem item) =>
        old.Size == item.Size && old.Chain.SequenceEqual(item.Chain) && !isFresh(item.Chain);

    private void TakeOutAllBut(HashSet<string> kept)
    {
        // Folders come before what they hold; the other way round, each is empty when its turn comes.
        foreach (var item in state.Items.Reverse().Where(item => !kept.Contains(item.Path)))
        {
            if (item.IsFolder)
            {
                _removeFolder.Add(new(StepKind.RemoveFolder, item.Path, ""));
                continue;
            }

            var file = NextFile();
            _takeOut.Add(new(StepKind.TakeOut, item.Path, file, item.Identity));
            _loose.Add(item.Path, (file, item));
            // An empty file has nothing to be known by.
            if (item.Chain.Count > 0)
                _byCluster[item.Chain[0].First] = item.Path;
        }
    }

    private void Add(GuestItem item, Func<string, GuestItem, ItemRecord?, FileIdentity> make)
    {
        if (item.IsFolder)
        {
            _makeFolder.Add(new(StepKind.MakeFolder, item.Path, ""));
            _items.Add(new(item.Path, IsFolder: true, 0, item.Chain, default, -1));
            return;
        }

        if (item.Chain.Count > 0 && _byCluster.TryGetValue(item.Chain[0].First, out var oldPath)
            && _loose.TryGetValue(oldPath, out var loose) && HasContentOf(loose.Item, item))
        {
            _loose.Remove(oldPath);
            _putIn.Add(new(StepKind.PutIn, item.Path, loose.File));
            _items.Add(loose.Item with { Path = item.Path, Chain = item.Chain });
            if (loose.Item.Run >= 0)
                _moved[loose.Item.Run] = new(loose.Item.Run, item.Path, InJournal: false);
            return;
        }

        var made = NextFile();
        var identity = make(made, item, _old.GetValueOrDefault(item.Path));
        _putIn.Add(new(StepKind.PutIn, item.Path, made));
        _items.Add(new(item.Path, IsFolder: false, item.Size, item.Chain, identity, -1));
    }

    /// <summary>The disk is still read from files that it was made of.</summary>
    private void Leave(string file, ItemRecord item)
    {
        if (item.Run >= 0)
            _moved[item.Run] = new(item.Run, file, InJournal: true);
        else
            _delete.Add(new(StepKind.Delete, "", file));
    }

    private string NextFile() => string.Create(CultureInfo.InvariantCulture, $"f-{++_next}");
}
