// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace BlockHost.Core.Json;

/// <summary>Looks for keys that repeat within one object, which System.Text.Json would let pass.</summary>
internal sealed class JsonKeys
{
    private const int FewKeys = 8;

    /// <summary>Keys of the objects that are open, the innermost object's last.</summary>
    private readonly List<Key> _keys = [];

    private readonly Stack<int> _objects = [];

    /// <param name="utf8">Well-formed JSON.</param>
    public bool Repeat(ReadOnlySpan<byte> utf8)
    {
        _keys.Clear();
        _objects.Clear();
        var reader = new Utf8JsonReader(utf8, new JsonReaderOptions { MaxDepth = JsonGrammar.MaxDepth + 1 });
        while (reader.Read())
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.StartObject:
                    _objects.Push(_keys.Count);
                    break;
                case JsonTokenType.PropertyName:
                    _keys.Add(Key.Of(ref reader));
                    break;
                case JsonTokenType.EndObject:
                    var first = _objects.Pop();
                    if (HasRepeated(utf8, CollectionsMarshal.AsSpan(_keys)[first..]))
                        return true;
                    _keys.RemoveRange(first, _keys.Count - first);
                    break;
            }
        }

        return false;
    }

    private static bool HasRepeated(ReadOnlySpan<byte> utf8, Span<Key> keys)
    {
        // Equal keys are neighbours when sorted; a few are compared faster than sorted.
        if (keys.Length > FewKeys)
            keys.Sort((a, b) => a.Hash.CompareTo(b.Hash));
        for (var i = 0; i < keys.Length; i++)
        {
            for (var j = i + 1; j < keys.Length && (keys.Length <= FewKeys || keys[j].Hash == keys[i].Hash); j++)
            {
                if (keys[i].Hash == keys[j].Hash && keys[i].IsSameAs(keys[j], utf8))
                    return true;
            }
        }

        return false;
    }

    /// <param name="Unescaped">The text, where it is not what the bytes say.</param>
    private readonly record struct Key(int Hash, int Start, int Length, string? Unescaped)
    {
        public static Key Of(ref Utf8JsonReader reader)
        {
            var bytes = reader.ValueSpan;
            var text = reader.ValueIsEscaped ? reader.GetString() : null;
            var hash = new HashCode();
            hash.AddBytes(text is null ? bytes : Encoding.UTF8.GetBytes(text));
            // The position is that of the opening quote.
            return new Key(hash.ToHashCode(), (int)reader.TokenStartIndex + 1, bytes.Length, text);
        }

        public bool IsSameAs(Key other, ReadOnlySpan<byte> utf8) => Unescaped is null && other.Unescaped is null
            ? Bytes(utf8).SequenceEqual(other.Bytes(utf8))
            : string.Equals(Text(utf8), other.Text(utf8), StringComparison.Ordinal);

        private ReadOnlySpan<byte> Bytes(ReadOnlySpan<byte> utf8) => utf8.Slice(Start, Length);

        private string Text(ReadOnlySpan<byte> utf8) => Unescaped ?? Encoding.UTF8.GetString(Bytes(utf8));
    }
}
