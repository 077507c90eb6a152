// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Nbd.Client;

/// <summary>
/// Which bytes of a read its chunks have brought. They may come in any order; none may come twice, and none may be missing at
/// the end, or the reader would get what was in its buffer before.
/// </summary>
internal sealed class Coverage
{
    // Runs apart from one another, in order; almost always one that grows at its end.
    private readonly List<(long Start, long End)> _runs = [];
    private long _length;

    public bool IsComplete => _length == 0 || (_runs.Count == 1 && _runs[0] == (0, _length));

    public void Reset(long length)
    {
        _runs.Clear();
        _length = length;
    }

    /// <returns>False: the range is empty, not inside the read, or has come before in part.</returns>
    public bool TryAdd(long start, long bytes)
    {
        if (start < 0 || bytes <= 0 || start > _length || bytes > _length - start)
            return false;
        var end = start + bytes;
        var next = _runs.Count;
        while (next > 0 && _runs[next - 1].End > start)
            next--;
        if (next < _runs.Count && _runs[next].Start < end)
            return false;
        var joinsBefore = next > 0 && _runs[next - 1].End == start;
        var joinsAfter = next < _runs.Count && _runs[next].Start == end;
        if (joinsBefore && joinsAfter)
        {
            _runs[next - 1] = (_runs[next - 1].Start, _runs[next].End);
            _runs.RemoveAt(next);
        }
        else if (joinsBefore)
        {
            _runs[next - 1] = (_runs[next - 1].Start, end);
        }
        else if (joinsAfter)
        {
            _runs[next] = (start, _runs[next].End);
        }
        else
        {
            _runs.Insert(next, (start, end));
        }

        return true;
    }
}
