// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Core.Memory;

namespace BlockHost.Core.Json;

/// <summary>One complete value, as standard JSON in UTF-8; the buffer goes back to the pool when it is disposed.</summary>
public sealed class JsonMessage : IDisposable
{
    private readonly InputBudget _budget;
    private readonly long _reserved;
    private byte[]? _bytes;
    private JsonDocument? _document;

    internal JsonMessage(byte[] bytes, int length, InputBudget budget, long reserved)
    {
        _bytes = bytes;
        Length = length;
        _budget = budget;
        _reserved = reserved;
    }

    public int Length { get; }

    public ReadOnlyMemory<byte> Utf8 => _bytes.AsMemory(0, Length);

    /// <summary>Valid until the message is disposed.</summary>
    public JsonElement Root => (_document ??= JsonDocument.Parse(Utf8, DocumentOptions)).RootElement;

    private static JsonDocumentOptions DocumentOptions => new() { MaxDepth = JsonGrammar.MaxDepth + 1 };

    public void Dispose()
    {
        _document?.Dispose();
        if (Interlocked.Exchange(ref _bytes, null) is not { } bytes)
            return;
        ByteArrays.Return(bytes);
        _budget.Release(_reserved);
    }
}
