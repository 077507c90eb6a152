// SPDX-License-Identifier: MIT
namespace BlockHost.Unpacking;

/// <summary>Unpacked bytes, from which later ones are repeated.</summary>
/// <param name="written">Bytes that are there already.</param>
internal ref struct ByteWriter(Span<byte> content, int written = 0)
{
    private readonly Span<byte> _content = content;
    private int _written = written;

    public readonly bool IsFull => _written == _content.Length;

    public readonly int Written => _written;

    public readonly int Room => _content.Length - _written;

    public bool TryWrite(scoped ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > Room)
            return false;
        bytes.CopyTo(_content[_written..]);
        _written += bytes.Length;
        return true;
    }

    /// <summary>Bytes from a distance before; where that is less than their number, they repeat themselves.</summary>
    public bool TryRepeat(int distance, int count)
    {
        if (count < 0 || count > Room || distance <= 0 || distance > _written)
            return false;
        var target = _content.Slice(_written, count);
        var source = _content.Slice(_written - distance);
        _written += count;
        if (distance >= count)
        {
            source[..count].CopyTo(target);
            return true;
        }

        if (distance == 1)
        {
            target.Fill(source[0]);
            return true;
        }

        for (var i = 0; i < count; i++)
            target[i] = source[i];
        return true;
    }
}
