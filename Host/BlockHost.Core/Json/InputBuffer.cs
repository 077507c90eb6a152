// SPDX-License-Identifier: MIT
using BlockHost.Core.Memory;

namespace BlockHost.Core.Json;

/// <summary>Growing pooled bytes, limited in length and by the budget it shares with other monitors.</summary>
internal sealed class InputBuffer(int limit, InputBudget budget) : IDisposable
{
    /// <summary>What every monitor may hold without asking the budget.</summary>
    private const int Free = 64 * 1024;

    private const int Smallest = 512;

    private byte[] _bytes = [];
    private long _reserved;

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Span => _bytes.AsSpan(0, Length);

    /// <exception cref="JsonLimitException">The limit or the budget is exceeded.</exception>
    public void Append(scoped ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > _bytes.Length - Length)
            Grow((long)Length + bytes.Length);
        bytes.CopyTo(_bytes.AsSpan(Length));
        Length += bytes.Length;
    }

    public void Append(byte value) => Append(new ReadOnlySpan<byte>(in value));

    public void Clear()
    {
        Length = 0;
        if (_bytes.Length > Free)
            Dispose();
    }

    /// <summary>Gives the bytes away as a message.</summary>
    public JsonMessage Detach()
    {
        var message = new JsonMessage(_bytes, Length, budget, _reserved);
        (_bytes, Length, _reserved) = ([], 0, 0);
        return message;
    }

    public void Dispose()
    {
        ByteArrays.Return(_bytes);
        budget.Release(_reserved);
        (_bytes, Length, _reserved) = ([], 0, 0);
    }

    private void Grow(long needed)
    {
        if (needed > limit)
            throw new JsonLimitException("JSON token size limit exceeded");
        var bytes = ByteArrays.Rent((int)Math.Min(Math.Max(Smallest, Math.Max(needed, 2L * _bytes.Length)), Array.MaxLength));
        var extra = bytes.Length > Free ? bytes.Length - _reserved : 0;
        if (!budget.TryReserve(extra))
        {
            ByteArrays.Return(bytes);
            throw new JsonLimitException("JSON token size limit exceeded");
        }

        Span.CopyTo(bytes);
        ByteArrays.Return(_bytes);
        _bytes = bytes;
        _reserved += extra;
    }
}
