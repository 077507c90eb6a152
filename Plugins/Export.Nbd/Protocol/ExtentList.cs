// SPDX-License-Identifier: MIT
using BlockHost.Nbd;

namespace BlockHost.Plugins.Export.Nbd.Protocol;

/// <summary>Extents of one block status answer: neighbours of one state are merged, and the count is bounded.</summary>
internal sealed class ExtentList(int limit)
{
    private readonly List<Extent> _extents = [];

    public IReadOnlyList<Extent> Extents => _extents;

    /// <returns>False where the list is full; the run is then not part of it.</returns>
    public bool TryAdd(uint bytes, uint flags)
    {
        if (_extents.Count > 0 && _extents[^1].Flags == flags)
        {
            _extents[^1] = new(_extents[^1].Bytes + bytes, flags);
            return true;
        }

        if (_extents.Count == limit)
            return false;
        _extents.Add(new(bytes, flags));
        return true;
    }
}
