// SPDX-License-Identifier: MIT
namespace BlockHost.Conformance.Model;

/// <summary>
/// What an image must read as, byte by byte: one value, one of two (a write that failed, a discard), or anything.
/// </summary>
internal sealed class ReferenceImage
{
    private byte[] _value;
    private byte[] _other;
    private Certainty[] _certainty;

    public ReferenceImage(long length, ReadOnlySpan<byte> content)
    {
        _value = new byte[length];
        _other = new byte[length];
        _certainty = new Certainty[length];
        content[..(int)Math.Min(content.Length, length)].CopyTo(_value);
    }

    private ReferenceImage(ReferenceImage other)
    {
        _value = [.. other._value];
        _other = [.. other._other];
        _certainty = [.. other._certainty];
    }

    private enum Certainty : byte
    {
        Exact = 0,
        EitherOf = 1,
        Anything = 2,
    }

    public long Length => _value.Length;

    public ReferenceImage Clone() => new(this);

    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        data.CopyTo(_value.AsSpan((int)offset));
        _certainty.AsSpan((int)offset, data.Length).Clear();
    }

    public void WriteZeroes(long offset, long bytes)
    {
        _value.AsSpan((int)offset, (int)bytes).Clear();
        _certainty.AsSpan((int)offset, (int)bytes).Clear();
    }

    /// <summary>Each byte is now what it was or <paramref name="data"/>.</summary>
    public void MayHaveWritten(long offset, ReadOnlySpan<byte> data)
    {
        for (var i = 0; i < data.Length; i++)
            MayBe((int)offset + i, data[i]);
    }

    /// <summary>Each byte is now what it was or zero.</summary>
    public void MayHaveZeroed(long offset, long bytes)
    {
        for (var i = 0; i < bytes; i++)
            MayBe((int)offset + i, 0);
    }

    public void Forget(long offset, long bytes) => _certainty.AsSpan((int)offset, (int)bytes).Fill(Certainty.Anything);

    public void Resize(long length, bool zeroNewArea)
    {
        var old = Length;
        Array.Resize(ref _value, (int)length);
        Array.Resize(ref _other, (int)length);
        Array.Resize(ref _certainty, (int)length);
        if (length > old && !zeroNewArea)
            Forget(old, length - old);
    }

    /// <summary>Null where <paramref name="data"/> can be the content at <paramref name="offset"/>; else what is wrong.</summary>
    public string? Explain(long offset, ReadOnlySpan<byte> data)
    {
        if (offset + data.Length <= Length && data.SequenceEqual(_value.AsSpan((int)offset, data.Length)))
            return null;
        for (var i = 0; i < data.Length; i++)
        {
            var at = (int)offset + i;
            var allowed = _certainty[at] == Certainty.Anything || data[i] == _value[at]
                || (_certainty[at] == Certainty.EitherOf && data[i] == _other[at]);
            if (!allowed)
                return $"byte 0x{at:x} is 0x{data[i]:x2}, expected {Describe(at)}";
        }

        return null;
    }

    /// <summary>Null where the range can read as zeroes; else what is wrong.</summary>
    public string? ExplainZero(long offset, long bytes) => Explain(offset, new byte[bytes]);

    private string Describe(int at) =>
        _certainty[at] == Certainty.EitherOf ? $"0x{_value[at]:x2} or 0x{_other[at]:x2}" : $"0x{_value[at]:x2}";

    private void MayBe(int at, byte candidate)
    {
        switch (_certainty[at])
        {
            case Certainty.Exact when _value[at] != candidate:
                _other[at] = candidate;
                _certainty[at] = Certainty.EitherOf;
                break;
            case Certainty.EitherOf when _value[at] != candidate && _other[at] != candidate:
                _certainty[at] = Certainty.Anything;
                break;
        }
    }
}
