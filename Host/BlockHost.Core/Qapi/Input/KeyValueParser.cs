// SPDX-License-Identifier: MIT
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Core.Json;
using BlockHost.Qmp;

namespace BlockHost.Core.Qapi;

/// <summary>
/// Parses <c>key=value,dotted.key=value,list.0=value</c> into an object whose leaves are strings. A comma in a value is
/// doubled; a later key overrides an earlier one.
/// <code>
///   params = { key-value "," } key-value [","]       key = name { "." (name | index) }
///   name   = letter { letter | digit | "-" | "_" }   (for keys of other modules also __com.example_name)
/// </code>
/// </summary>
internal static class KeyValueParser
{
    private const int MaxNameLength = 127;

    /// <param name="impliedKey">Key of the first value where it stands alone, or null.</param>
    /// <exception cref="QmpException">With QEMU's text.</exception>
    public static JsonElement Parse(string text, string? impliedKey)
    {
        var root = new KeyValueObject();
        var first = true;
        for (var position = 0; position < text.Length; first = false)
            ParsePair(root, text, ref position, first ? impliedKey : null);
        return ToJson(root);
    }

    private static void ParsePair(KeyValueObject root, string text, ref int position, string? impliedKey)
    {
        var length = text.AsSpan(position).IndexOfAny('=', ',');
        var isPair = length >= 0 && text[position + length] == '=';
        string key;
        if (isPair)
        {
            key = text.Substring(position, length);
            position += length + 1;
        }
        else
        {
            var alone = text.AsSpan(position, length < 0 ? text.Length - position : length);
            key = impliedKey is not null && !IsHelp(alone) ? impliedKey : throw NoValue(alone);
        }

        Insert(root, key, Value(text, ref position));
    }

    private static QmpException NoValue(ReadOnlySpan<char> key) => IsHelp(key)
        ? new QmpException("Help is not available for this option")
        : Fragments(key) is not null
            ? new QmpException($"Expected '=' after parameter '{key}'")
            : new QmpException($"Invalid parameter '{key}'");

    private static bool IsHelp(ReadOnlySpan<char> key) => key is "help" or "?";

    private static string Value(string text, ref int position)
    {
        var value = new StringBuilder();
        while (position < text.Length)
        {
            var c = text[position++];
            if (c == ',')
            {
                var isDoubled = position < text.Length && text[position] == ',';
                if (!isDoubled)
                    break;
                position++;
            }

            value.Append(c);
        }

        return value.ToString();
    }

    private static void Insert(KeyValueObject root, string key, string value)
    {
        var fragments = Fragments(key) ?? throw new QmpException($"Invalid parameter '{key}'");
        if (fragments.FirstOrDefault(fragment => fragment.Length > MaxNameLength) is { } tooLong)
            throw new QmpException($"Parameter{(fragments.Count > 1 ? " fragment" : "")} '{tooLong}' is too long");
        if (fragments.Count > JsonGrammar.MaxDepth)
            throw new QmpException($"Parameter '{fragments[0]}' is nested more than {JsonGrammar.MaxDepth} levels deep");
        var node = root;
        for (var i = 0; i < fragments.Count - 1; i++)
            node = node.Child(fragments[i], string.Join('.', fragments.Take(i + 1)));
        node.Set(fragments[^1], value, key);
    }

    /// <summary>The names and indices of a key; null where the text is no key.</summary>
    private static List<string>? Fragments(ReadOnlySpan<char> key)
    {
        var fragments = new List<string>();
        while (true)
        {
            var length = FragmentLength(key, isFirst: fragments.Count == 0);
            if (length == 0)
                return null;
            fragments.Add(key[..length].ToString());
            if (length == key.Length)
                return fragments;
            if (key[length] != '.')
                return null;
            key = key[(length + 1)..];
        }
    }

    private static int FragmentLength(ReadOnlySpan<char> text, bool isFirst)
    {
        var digits = text.IndexOfAnyExceptInRange('0', '9');
        if (digits != 0 && !isFirst && text.Length > 0)
            return digits < 0 ? text.Length : digits;
        var prefix = DownstreamPrefix(text);
        if (prefix == text.Length || !char.IsAsciiLetter(text[prefix]))
            return 0;
        var length = prefix;
        while (length < text.Length && (char.IsAsciiLetterOrDigit(text[length]) || text[length] is '-' or '_'))
            length++;
        return length;
    }

    /// <summary>Length of "__RFQDN_", which begins names that a vendor adds.</summary>
    private static int DownstreamPrefix(ReadOnlySpan<char> text)
    {
        if (!text.StartsWith("__"))
            return 0;
        var length = 2;
        while (length < text.Length && (char.IsAsciiLetterOrDigit(text[length]) || text[length] is '-' or '.'))
            length++;
        return length < text.Length && text[length] == '_' ? length + 1 : 0;
    }

    private static JsonElement ToJson(KeyValueObject root) => QmpJson.ToElement(root.ToJson(""));
}

/// <summary>An object under construction, that turns out to be a list where all its keys are numbers.</summary>
internal sealed class KeyValueObject
{
    private readonly Dictionary<string, object> _members = [];
    private readonly List<string> _order = [];

    public KeyValueObject Child(string name, string path)
    {
        if (!_members.TryGetValue(name, out var child))
            Add(name, child = new KeyValueObject());
        return child as KeyValueObject ?? throw Inconsistent(path);
    }

    public void Set(string name, string value, string path)
    {
        if (!_members.TryGetValue(name, out var old))
            Add(name, value);
        else if (old is string)
            _members[name] = value;
        else
            throw Inconsistent(path);
    }

    /// <param name="path">Full name, for errors.</param>
    public JsonNode ToJson(string path)
    {
        var numbers = _order.Count(name => char.IsAsciiDigit(name[0]));
        if (numbers == 0)
            return new JsonObject(_order.Select(name => KeyValuePair.Create(name, (JsonNode?)Json(name, path))));
        if (numbers != _order.Count)
            throw Inconsistent(path);
        var items = new SortedDictionary<int, JsonNode>();
        foreach (var name in _order)
        {
            if (!int.TryParse(name, out var index))
                throw new QmpException($"Parameter '{path}.{items.Count}' missing");
            items[index] = Json(name, path);
        }

        var missing = Enumerable.Range(0, items.Count).FirstOrDefault(index => !items.ContainsKey(index), -1);
        return missing < 0 ? new JsonArray([.. items.Values]) : throw new QmpException($"Parameter '{path}.{missing}' missing");
    }

    private JsonNode Json(string name, string path) => _members[name] is KeyValueObject child
        ? child.ToJson(path.Length == 0 ? name : $"{path}.{name}")
        : JsonValue.Create((string)_members[name]);

    private void Add(string name, object value)
    {
        _members.Add(name, value);
        _order.Add(name);
    }

    private static QmpException Inconsistent(string path) => new($"Parameters '{path}.*' used inconsistently");
}
