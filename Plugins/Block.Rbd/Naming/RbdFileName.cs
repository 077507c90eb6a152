// SPDX-License-Identifier: MIT
using System.Text;
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Rbd.Naming;

/// <summary>
/// A file name:
/// <code>
///   rbd:POOL/[NAMESPACE/]IMAGE[@SNAPSHOT][:OPTION=VALUE]...
/// </code>
/// A backslash takes the meaning of the character behind it. Of the options "conf" is the configuration file and "id" the user;
/// others are Ceph's own.
/// </summary>
internal static class RbdFileName
{
    private const string Prefix = "rbd:";

    /// <exception cref="BlockException">It is none; QEMU's texts.</exception>
    public static JsonElement Parse(string name)
    {
        if (!name.StartsWith(Prefix, StringComparison.Ordinal))
            throw Invalid("File name must start with 'rbd:'");
        var (pool, rest) = Cut(name[Prefix.Length..], '/');
        if (rest is null)
            throw Invalid("Pool name is required");
        // A value of an option may have an @ in it: then it begins a snapshot's name all the same, as in QEMU.
        var (image, behind) = Cut(rest, '@');
        var snapshot = behind;
        if (behind is null)
            (image, behind) = Cut(rest, ':');
        else
            (snapshot, behind) = Cut(behind, ':');
        var (space, inside) = Cut(image, '/');
        var (options, pairs) = ParseOptions(behind);
        return QmpJson.WriteObject(writer =>
        {
            writer.WriteString("pool", Unescape(pool));
            if (snapshot is not null)
                writer.WriteString("snapshot", Unescape(snapshot));
            writer.WriteString("namespace", inside is null ? "" : Unescape(space));
            writer.WriteString("image", Unescape(inside ?? image));
            foreach (var (option, value) in options)
                writer.WriteString(option, value);
            if (pairs.Length > 0)
                writer.WriteString(RbdOptionText.KeyValuePairs, JsonSerializer.Serialize(pairs, RbdJson.Default.StringArray));
        });
    }

    private static (Dictionary<string, string> Options, string[] Pairs) ParseOptions(string? text)
    {
        var options = new Dictionary<string, string>();
        var pairs = new List<string>();
        while (text is not null)
        {
            var (name, rest) = Cut(text, '=');
            if (rest is null)
                throw Invalid($"conf option {name} has no value");
            (var value, text) = Cut(rest, ':');
            (name, value) = (Unescape(name), Unescape(value));
            if (name is "conf" or "id")
                options[name == "id" ? "user" : name] = value;
            else
                pairs.AddRange([name, value]);
        }

        return (options, [.. pairs]);
    }

    /// <summary>Splits at the first such character that no backslash stands before.</summary>
    private static (string Head, string? Tail) Cut(string text, char separator)
    {
        for (var at = 0; at < text.Length; at++)
        {
            if (text[at] == separator)
                return (text[..at], text[(at + 1)..]);
            if (text[at] == '\\')
                at++;
        }

        return (text, null);
    }

    private static string Unescape(string text)
    {
        var plain = new StringBuilder(text.Length);
        for (var at = 0; at < text.Length; at++)
        {
            if (text[at] == '\\' && at + 1 < text.Length)
                at++;
            plain.Append(text[at]);
        }

        return plain.ToString();
    }

    private static BlockException Invalid(string message) => new(BlockErrorKind.InvalidArgument, message);
}
