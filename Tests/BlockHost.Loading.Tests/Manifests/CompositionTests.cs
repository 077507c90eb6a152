// SPDX-License-Identifier: MIT
using BlockHost.Core.Plugins;
using BlockHost.Loading.Tests.Support;
using BlockHost.Plugins;

namespace BlockHost.Loading.Tests.Manifests;

public sealed class CompositionTests : IDisposable
{
    private readonly PluginBed _bed = new();

    public void Dispose() => _bed.Dispose();

    [Fact]
    public void A_composition_is_found_by_name_beside_the_manifests()
    {
        Write("small", """{ "plugins": ["fixture.one"] }""");

        var selection = CompositionFile.Read("small", _bed.Locations);

        Assert.Equal("small", selection.Name);
        Assert.True(selection.Wants("fixture.one"));
        Assert.False(selection.Wants("fixture.two"));
    }

    [Fact]
    public void A_star_wants_everything() =>
        Assert.True(CompositionFile.Read(Write("all", """{ "plugins": ["*"] }"""), _bed.Locations).Wants("whatever"));

    [Fact]
    public void A_composition_that_is_not_there_is_an_error() =>
        Assert.Contains("'gone'", Assert.Throws<PluginException>(() => CompositionFile.Read("gone", _bed.Locations)).Message);

    [Theory]
    [InlineData("{}")]
    [InlineData("""{ "plugins": ["NOT AN ID"] }""")]
    [InlineData("""{ "plugins": [null] }""")]
    [InlineData("""{ "plugin": [] }""")]
    public void A_composition_that_is_not_well_formed_names_its_file(string json)
    {
        var path = Write("bad", json);

        Assert.Contains(path, Assert.Throws<PluginException>(() => CompositionFile.Read(path, _bed.Locations)).Message);
    }

    [Fact]
    public async Task A_plugin_that_the_composition_does_not_list_is_disabled_until_it_is_loaded_by_name()
    {
        _bed.InstallOrdinary();
        var manager = _bed.CreateManager(PluginSelection.Of("small", ["fixture.one"]));

        Assert.Null(await manager.Of(ProvidedKind.Driver).FindAsync("fixture-zeroes", CancellationToken.None));
        Assert.Empty(manager.Of(ProvidedKind.Driver).Names);
        Assert.Equal(PluginState.Disabled, manager.Find("fixture.ordinary")!.State);
        Assert.Contains("'small'", manager.Find("fixture.ordinary")!.Reason);

        await manager.LoadAsync("fixture.ordinary", CancellationToken.None);

        Assert.NotNull(await manager.Of(ProvidedKind.Driver).FindAsync("fixture-zeroes", CancellationToken.None));
    }

    private string Write(string name, string json)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_bed.ManifestFolder, "compositions"));
        var path = Path.Combine(folder.FullName, name + ".json");
        File.WriteAllText(path, json);
        return path;
    }
}
