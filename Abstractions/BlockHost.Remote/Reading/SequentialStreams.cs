// SPDX-License-Identifier: MIT
namespace BlockHost.Remote.Reading;

/// <summary>
/// Tells who reads on and on from who reads here and there. The third request in a row gets the first window, and each that
/// follows twice as much.
/// </summary>
/// <param name="first">Bytes that the first window has; 0: nothing is ever read ahead.</param>
/// <param name="largest">Bytes that a window grows to.</param>
/// <param name="slack">
/// So far from where the last one ended, both ways, a request still follows it: several come in disorder.
/// </param>
internal sealed class SequentialStreams(long first, long largest, long slack)
{
    private const int MaxStreams = 16;
    private const int HitsBeforeWindow = 2;

    private readonly List<Reader> _readers = [];
    private long _time;

    /// <returns>Bytes that are worth having behind this request; 0: none.</returns>
    public long Note(long offset, long length)
    {
        if (first == 0)
            return 0;
        if (Find(offset, near: Math.Max(slack, 2 * length)) is not { } reader)
        {
            Add(offset + length);
            return 0;
        }

        reader.Next = Math.Max(reader.Next, offset + length);
        reader.LastUse = ++_time;
        if (++reader.Hits < HitsBeforeWindow)
            return 0;
        reader.Window = reader.Window == 0 ? first : Math.Min(reader.Window * 2, largest);
        return reader.Window;
    }

    private Reader? Find(long offset, long near)
    {
        foreach (var reader in _readers)
        {
            if (Math.Abs(offset - reader.Next) <= near)
                return reader;
        }

        return null;
    }

    private void Add(long next)
    {
        if (_readers.Count == MaxStreams)
            _readers.Remove(_readers.MinBy(reader => reader.LastUse)!);
        _readers.Add(new Reader { Next = next, LastUse = ++_time });
    }

    private sealed class Reader
    {
        public long Next { get; set; }

        public long Window { get; set; }

        public int Hits { get; set; }

        public long LastUse { get; set; }
    }
}
