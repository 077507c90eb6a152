// SPDX-License-Identifier: MIT
using System.Buffers;
using BlockHost.Core.Memory;

namespace BlockHost.Core.Qmp.Output;

/// <summary>Growing pooled bytes to write into; kept small between uses.</summary>
internal sealed class PooledBufferWriter : IBufferWriter<byte>, IDisposable
{
    private const int Keep = 64 * 1024;
    private const int Smallest = 1024;

    private byte[] _bytes = [];

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Span => _bytes.AsSpan(0, Length);

    public ReadOnlyMemory<byte> Memory => _bytes.AsMemory(0, Length);

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _bytes.Length - Length);
        Length += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _bytes.AsMemory(Length);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _bytes.AsSpan(Length);
    }

    public void Clear()
    {
        Length = 0;
        if (_bytes.Length > Keep)
            Dispose();
    }

    public void Dispose()
    {
        ByteArrays.Return(_bytes);
        (_bytes, Length) = ([], 0);
    }

    private void Reserve(int count)
    {
        count = Math.Max(count, 1);
        if (_bytes.Length - Length >= count)
            return;
        var bytes = ByteArrays.Rent(
            (int)Math.Min(Math.Max(Smallest, Math.Max((long)Length + count, 2L * _bytes.Length)), Array.MaxLength));
        Span.CopyTo(bytes);
        ByteArrays.Return(_bytes);
        _bytes = bytes;
    }
}
