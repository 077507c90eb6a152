// SPDX-License-Identifier: MIT
using System.Text.Json;

namespace BlockHost.Core.Qmp.Json;

/// <summary>Looks for keys that repeat within one object, which System.Text.Json would let pass.</summary>
internal static class JsonKeys
{
    /// <param name="utf8">Well-formed JSON.</param>
    public static bool Repeat(ReadOnlySpan<byte> utf8)
    {
        var reader = new Utf8JsonReader(utf8, new JsonReaderOptions { MaxDepth = JsonGrammar.MaxDepth + 1 });
        var open = new Stack<HashSet<string>?>();
        var spare = new Stack<HashSet<string>>();
        while (reader.Read())
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.StartObject:
                    open.Push(null);
                    break;
                case JsonTokenType.EndObject:
                    if (open.Pop() is { } done)
                        spare.Push(done);
                    break;
                case JsonTokenType.PropertyName:
                    if (!Add(open, spare, reader.GetString()!))
                        return true;
                    break;
            }
        }

        return false;
    }

    private static bool Add(Stack<HashSet<string>?> open, Stack<HashSet<string>> spare, string key)
    {
        if (open.Peek() is { } keys)
            return keys.Add(key);
        if (spare.TryPop(out keys))
            keys.Clear();
        else
            keys = new HashSet<string>(StringComparer.Ordinal);
        open.Pop();
        open.Push(keys);
        return keys.Add(key);
    }
}
