// SPDX-License-Identifier: MIT
using System.Text.Encodings.Web;
using System.Text.Json;
using BlockHost.Plugins;

namespace BlockHost.PluginManifest;

/// <summary>
/// A manifest as its author writes it: what the build knows stands there as {version}, {sha256} and {provides}.
/// </summary>
internal sealed class ManifestTemplate(string text)
{
    private const string Provides = "\"{provides}\"";

    /// <exception cref="PluginException">The author has written what the plugin provides, and it provides something
    /// else.</exception>
    public string Fill(string version, string sha256, IReadOnlyList<(string Kind, IReadOnlyList<string> Names)> provides)
    {
        var written = text.Replace("{version}", version, StringComparison.Ordinal)
            .Replace("{sha256}", sha256, StringComparison.Ordinal);
        if (written.Contains(Provides, StringComparison.Ordinal))
            return written.Replace(Provides, Text(provides), StringComparison.Ordinal);
        Compare(written, provides);
        return written;
    }

    private static string Text(IReadOnlyList<(string Kind, IReadOnlyList<string> Names)> provides) =>
        "{" + string.Join(
            ",",
            provides.Select(kind => $"\n    {Quoted(kind.Kind)}: [{string.Join(", ", kind.Names.Select(Quoted))}]")) + "\n  }";

    private static string Quoted(string name) => $"\"{JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(name)}\"";

    private static void Compare(string manifest, IReadOnlyList<(string Kind, IReadOnlyList<string> Names)> provides)
    {
        var listed = Listed(manifest);
        var registered = provides.SelectMany(kind => kind.Names.Select(name => $"{kind.Kind}: {name}")).ToHashSet();
        if (listed.SetEquals(registered))
            return;
        var surplus = string.Join(", ", listed.Except(registered).Order(StringComparer.Ordinal));
        var missing = string.Join(", ", registered.Except(listed).Order(StringComparer.Ordinal));
        throw new PluginException(
            $"\"provides\" is not what Register adds (not listed: {(missing == "" ? "none" : missing)}; not registered: {(surplus == "" ? "none" : surplus)}); "
            + "\"provides\": \"{provides}\" lets the build write it");
    }

    private static HashSet<string> Listed(string manifest)
    {
        try
        {
            using var json = JsonDocument.Parse(manifest);
            return json.RootElement.TryGetProperty("provides", out var provides)
                ? [.. provides.EnumerateObject().SelectMany(
                    kind => kind.Value.EnumerateArray().Select(name => $"{kind.Name}: {name.GetString()}"))]
                : throw new PluginException("it has no \"provides\"");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new PluginException($"it is not well formed: {e.Message}", e);
        }
    }
}
