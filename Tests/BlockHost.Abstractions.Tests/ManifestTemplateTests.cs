// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.PluginManifest;
using BlockHost.Plugins;

namespace BlockHost.Abstractions.Tests;

/// <summary>What the build makes of a manifest as its author writes it.</summary>
public sealed class ManifestTemplateTests
{
    private static readonly (string, IReadOnlyList<string>)[] Provides = [("drivers", ["one", "two"]), ("objects", ["thing"])];

    [Fact]
    public void What_the_build_knows_is_filled_in()
    {
        var filled = new ManifestTemplate(
            """{"version": "{version}", "sha256": "{sha256}", "provides": "{provides}", "name": "kept"}""").Fill("1.2", "ab", Provides);

        var json = JsonDocument.Parse(filled).RootElement;
        Assert.Equal(
            ("1.2", "ab", "kept"),
            (
                json.GetProperty("version").GetString(), json.GetProperty("sha256").GetString(),
                json.GetProperty("name").GetString()));
        Assert.Equal("""{"drivers":["one","two"],"objects":["thing"]}""", JsonSerializer.Serialize(json.GetProperty("provides")));
    }

    [Fact]
    public void A_list_of_the_authors_own_that_is_true_stays()
    {
        const string template = """{"provides": {"objects": ["thing"], "drivers": ["two", "one"]}}""";

        Assert.Equal(template, new ManifestTemplate(template).Fill("1", "ab", Provides));
    }

    [Theory]
    [InlineData(
        """{"provides": {"drivers": ["one", "three"]}}""",
        "(not listed: drivers: two, objects: thing; not registered: drivers: three)")]
    [InlineData("""{"provides": {}}""", "(not listed: drivers: one, drivers: two, objects: thing; not registered: none)")]
    [InlineData("""{}""", "it has no \"provides\"")]
    [InlineData("""{"provides": 3}""", "it is not well formed")]
    [InlineData("""{"provides": """, "it is not well formed")]
    public void A_list_that_is_not_true_ends_the_build(string template, string message)
    {
        var error = Assert.Throws<PluginException>(() => new ManifestTemplate(template).Fill("1", "ab", Provides));

        Assert.Contains(message, error.Message);
    }
}
