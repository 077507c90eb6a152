// SPDX-License-Identifier: MIT
using System.Text;
using BlockHost.Remote;

namespace BlockHost.Plugins.Block.Iscsi.Protocol;

/// <summary>KEY=VALUE pairs, each with a zero byte behind it (RFC 7143, section 6.1).</summary>
internal sealed class KeyText
{
    private const int MostKeys = 100;

    private readonly List<KeyValuePair<string, string>> _pairs = [];

    public IReadOnlyList<KeyValuePair<string, string>> Pairs => _pairs;

    /// <summary>Null: there is no such key.</summary>
    public string? this[string key] => _pairs.Find(pair => pair.Key == key).Value;

    public KeyText Add(string key, string value)
    {
        _pairs.Add(new(key, value));
        return this;
    }

    public byte[] ToBytes() => Encoding.UTF8.GetBytes(string.Concat(_pairs.Select(pair => $"{pair.Key}={pair.Value}\0")));

    /// <exception cref="RemoteFault">It is none.</exception>
    public static KeyText Parse(ReadOnlySpan<byte> bytes)
    {
        var text = new KeyText();
        foreach (var pair in Encoding.UTF8.GetString(bytes).Split('\0', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0 || text._pairs.Count == MostKeys)
                throw new RemoteFault("The target's login text makes no sense");
            text.Add(pair[..equals], pair[(equals + 1)..]);
        }

        return text;
    }
}
