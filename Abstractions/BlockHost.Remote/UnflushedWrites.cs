// SPDX-License-Identifier: MIT
namespace BlockHost.Remote;

/// <summary>
/// Knows whether a flush speaks for all that was written before it: not for what another connection took, as its server may have
/// ended with it.
/// <code>
///   writes   1 ─── 2 ─── 3 ─── 4 ─── 5        so many have ended
///                  │           │
///               flushed      lost: connection    the next flush fails, and then all is as if it had not
/// </code>
/// </summary>
public sealed class UnflushedWrites
{
    private readonly Lock _lock = new();
    private long _written;
    private long _flushed;
    private long _lost;

    /// <summary>Writes that have ended.</summary>
    public long Count
    {
        get
        {
            lock (_lock)
                return _written;
        }
    }

    public void Written()
    {
        lock (_lock)
            _written++;
    }

    public void ConnectionLost()
    {
        lock (_lock)
        {
            if (_written > _flushed)
                _lost = _written;
        }
    }

    /// <param name="count">Writes that had ended when the flush began.</param>
    /// <returns>False: some of them may be lost.</returns>
    public bool Flushed(long count)
    {
        lock (_lock)
        {
            var isWhole = _lost <= _flushed;
            _flushed = Math.Max(Math.Max(_flushed, count), _lost);
            return isWhole;
        }
    }
}
