// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;
using BlockHost.Core.Plugins;
using BlockHost.Loading.Tests.Support;
using BlockHost.Plugins;

namespace BlockHost.Loading.Tests.Manifests;

public sealed class ManifestFileTests : IDisposable
{
    private const string Folder = "/srv/plugins/fixture.one";
    private static readonly string Hash = new('a', 64);

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("blockhost-manifests-");

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public void A_whole_manifest_is_read()
    {
        var candidate = Read(manifest =>
        {
            manifest["description"] = "one of many";
            manifest["assembly"] = "lib/One.dll";
            manifest["probes"] = new JsonArray(new JsonObject { ["driver"] = "one", ["offset"] = 4, ["magic"] = "514649FB" });
            manifest["fileNamePrefixes"] = new JsonObject { ["one+unix"] = "one" };
        });

        var read = candidate.Manifest!;
        Assert.Null(candidate.Reason);
        Assert.Equal("fixture.one", read.Id);
        Assert.Equal(Path.Combine(Folder, "lib", "One.dll"), read.AssemblyPath);
        Assert.Equal(new ContractRange(new(1, 0), new(2, 0)), read.Contract);
        Assert.Equal(["one"], read.Provides[ProvidedKind.Driver]);
        Assert.Equal("one", read.FileNamePrefixes["one+unix"]);
        Assert.True(read.Probes.Single().Matches([0, 0, 0, 0, 0x51, 0x46, 0x49, 0xfb]));
        Assert.False(read.Probes.Single().Matches([0, 0, 0, 0, 0x51, 0x46, 0x49]));
    }

    [Theory]
    [InlineData("../other/One.dll", "outside the plugin's folder")]
    [InlineData("lib/../../One.dll", "outside the plugin's folder")]
    [InlineData("../fixture.one-evil/One.dll", "outside the plugin's folder")]
    [InlineData("/usr/lib/One.dll", "a path inside the plugin's folder is wanted")]
    [InlineData("lib\\One.dll", "a path inside the plugin's folder is wanted")]
    [InlineData("One.so", "is no .dll")]
    [InlineData("", "has no \"assembly\"")]
    public void An_assembly_outside_the_plugins_folder_is_refused(string assembly, string reason) =>
        Assert.Contains(reason, Read(manifest => manifest["assembly"] = assembly).Reason);

    [Theory]
    [InlineData("id", "\"Not An Id\"", "has the id 'Not An Id'")]
    [InlineData("id", "\"../up\"", "has the id '../up'")]
    [InlineData("id", "\"host\"", "has the id 'host'")]
    [InlineData("sha256", "\"abc\"", "has the sha256 'abc'")]
    [InlineData("sha256", "\"{sha256}\"", "has the sha256 '{sha256}'")]
    [InlineData("sha256", "null", "has no \"sha256\"")]
    [InlineData("version", "null", "has no \"version\"")]
    [InlineData("contract", "{\"min\":\"2.0\",\"max\":\"1.0\"}", "has the contract from '2.0' to '1.0'")]
    [InlineData("contract", "{\"min\":\"1\",\"max\":\"2.0\"}", "has the contract from '1' to '2.0'")]
    [InlineData("contract", "{\"min\":\"1.-1\",\"max\":\"2.0\"}", "has the contract from '1.-1'")]
    [InlineData("contract", "null", "has no \"contract\"")]
    [InlineData("provides", "null", "has no \"provides\"")]
    [InlineData("provides", "{\"drivers\":[\"one\",\"one\"]}", "provides 'one' twice in \"drivers\"")]
    [InlineData("provides", "{\"drivers\":[null]}", "has null for \"drivers\" in \"provides\" where a text is wanted")]
    [InlineData("provides", "{\"drivers\":[\" \"]}", "provides an empty name in \"drivers\"")]
    [InlineData("provides", "{\"drivers\":\"one\"}", "has a text for \"drivers\" in \"provides\" where a list is wanted")]
    [InlineData("provides", "[]", "has a list in \"provides\" where an object is wanted")]
    [InlineData("version", "1", "has 1 for \"version\" where a text is wanted")]
    [InlineData("provides", "{\"gadgets\":[]}", "has \"gadgets\" in \"provides\", which is unknown")]
    [InlineData(
        "probes", "[{\"driver\":\"two\",\"magic\":\"00\"}]", "has the driver 'two' in \"probes\", but does not provide it")]
    [InlineData("probes", "[{\"driver\":\"one\",\"magic\":\"0\"}]", "with the magic '0'")]
    [InlineData("probes", "[{\"driver\":\"one\",\"magic\":\"00\",\"offset\":-1}]", "at offset -1")]
    [InlineData(
        "probes",
        "[{\"driver\":\"one\",\"magic\":\"00\",\"offset\":1e99}]",
        "has 1e99 for \"offset\" in \"probes\" where a number is wanted")]
    [InlineData("probes", "[{\"magic\":\"00\"}]", "has no \"driver\" in \"probes\"")]
    [InlineData("probes", "[null]", "has null in \"probes\" where an object is wanted")]
    [InlineData("fileNamePrefixes", "{\"a b\":\"one\"}", "has the file name prefix 'a b'")]
    [InlineData("fileNamePrefixes", "{\"two\":\"two\"}", "has the driver 'two' in \"fileNamePrefixes\"")]
    [InlineData("unheard-of", "1", "has \"unheard-of\", which is unknown")]
    public void What_is_wrong_is_named(string member, string json, string reason)
    {
        var candidate = Read(manifest => manifest[member] = JsonNode.Parse(json));

        Assert.Null(candidate.Manifest);
        Assert.Contains(reason, candidate.Reason);
    }

    [Theory]
    [InlineData("", "is not well formed")]
    [InlineData("{", "is not well formed")]
    [InlineData("null", "has null where an object is wanted")]
    [InlineData("""{ "id": "a", "id": "b" }""", "has \"id\" twice")]
    [InlineData("[[[[[[[[[[[[1]]]]]]]]]]]]", "is not well formed")]
    public void A_file_that_is_no_manifest_is_named(string text, string reason)
    {
        var path = Path.Combine(_root.FullName, "broken.json");
        File.WriteAllText(path, text);

        var candidate = ManifestFile.Read(path, Folder);

        Assert.Equal("broken", candidate.Id);
        Assert.Contains(reason, candidate.Reason);
        Assert.Contains(path, candidate.Reason);
    }

    [Fact]
    public void A_huge_file_is_not_read()
    {
        var path = Path.Combine(_root.FullName, "huge.json");
        using (var file = File.Create(path))
            file.SetLength(1L << 30);

        Assert.Contains("at most", ManifestFile.Read(path, Folder).Reason);
    }

    private PluginCandidate Read(Action<JsonObject> edit)
    {
        var manifest = new JsonObject
        {
            ["$schema"] = "./schema/plugin-manifest.schema.json",
            ["id"] = "fixture.one",
            ["version"] = "1.0.0",
            ["assembly"] = "One.dll",
            ["sha256"] = Hash,
            ["contract"] = new JsonObject { ["min"] = "1.0", ["max"] = "2.0" },
            ["provides"] = PluginBed.Provides("drivers:one"),
        };
        edit(manifest);
        var path = Path.Combine(_root.FullName, "fixture.one.json");
        File.WriteAllText(path, manifest.ToJsonString());
        return ManifestFile.Read(path, Folder);
    }
}
