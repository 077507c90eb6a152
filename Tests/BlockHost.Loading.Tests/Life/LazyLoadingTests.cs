// SPDX-License-Identifier: MIT
using BlockHost.Core.Plugins;
using BlockHost.Loading.Tests.Support;
using BlockHost.Plugins;

namespace BlockHost.Loading.Tests.Life;

public sealed class LazyLoadingTests : IDisposable
{
    private readonly PluginBed _bed = new();

    public void Dispose() => _bed.Dispose();

    [Fact]
    public async Task A_plugin_loads_when_something_it_provides_is_first_asked_for()
    {
        _bed.InstallOrdinary();
        _bed.EditManifest("fixture.ordinary", manifest => manifest["version"] = "1.2.3");
        var manager = _bed.CreateManager();
        Assert.Equal(PluginState.Available, manager.Find("fixture.ordinary")!.State);
        Assert.Empty(manager.Of(ProvidedKind.Driver).Loaded);
        Assert.Equal(["fixture-zeroes"], manager.Of(ProvidedKind.Driver).Names);

        var driver = await manager.Of(ProvidedKind.Driver).FindAsync("fixture-zeroes", CancellationToken.None);

        Assert.Equal("fixture-zeroes", driver!.Value.FormatName);
        Assert.Equal("1.2.3", driver.Owner.Identity.Version);
        Assert.Equal(PluginState.Loaded, manager.Find("fixture.ordinary")!.State);
        Assert.True(manager.Of(ProvidedKind.Command).FindAsync("fixture-echo", CancellationToken.None).IsCompletedSuccessfully);
    }

    [Fact]
    public async Task A_name_that_nobody_provides_loads_nothing()
    {
        var manager = _bed.InstallOrdinary().CreateManager();

        Assert.Null(await manager.Of(ProvidedKind.Driver).FindAsync("unheard-of", CancellationToken.None));
        Assert.Null(await manager.Of(ProvidedKind.Job).FindAsync("fixture-zeroes", CancellationToken.None));
        Assert.Equal(PluginState.Available, manager.Find("fixture.ordinary")!.State);
    }

    [Fact]
    public async Task Many_who_ask_at_once_share_one_load()
    {
        var manager = _bed.InstallOrdinary().CreateManager();

        var found = await Task.WhenAll(Enumerable.Range(0, 16).Select(
            _ =>
                Task.Run(async () => await manager.Of(ProvidedKind.Driver).FindAsync("fixture-zeroes", CancellationToken.None))));

        Assert.Single(found.Select(driver => driver!.Value).Distinct());
    }

    [Fact]
    public async Task Removing_a_manifest_removes_just_its_names()
    {
        _bed.InstallOrdinary().Install("UsesGreeterV1", "fixture.greeter1", "events:GREETING_OF_VERSION_1");
        File.Delete(_bed.ManifestPath("fixture.ordinary"));
        var manager = _bed.CreateManager();

        Assert.Null(await manager.Of(ProvidedKind.Driver).FindAsync("fixture-zeroes", CancellationToken.None));
        Assert.NotNull(await manager.Of(ProvidedKind.Event).FindAsync("GREETING_OF_VERSION_1", CancellationToken.None));
    }

    [Fact]
    public async Task Two_plugins_see_their_own_version_of_a_library()
    {
        _bed.Install("UsesGreeterV1", "fixture.greeter1", "events:GREETING_OF_VERSION_1")
            .Install("UsesGreeterV2", "fixture.greeter2", "events:GREETING_OF_VERSION_2");
        var manager = _bed.CreateManager();

        Assert.NotNull(await manager.Of(ProvidedKind.Event).FindAsync("GREETING_OF_VERSION_1", CancellationToken.None));
        Assert.NotNull(await manager.Of(ProvidedKind.Event).FindAsync("GREETING_OF_VERSION_2", CancellationToken.None));
    }

    [Fact]
    public async Task Satellite_resources_are_found()
    {
        var manager = _bed.Install("SatelliteResources", "fixture.satellite", "events:HALLO").CreateManager();

        Assert.NotNull(await manager.Of(ProvidedKind.Event).FindAsync("HALLO", CancellationToken.None));
    }

    [Fact]
    public async Task A_plugin_dropped_in_later_is_loaded_by_id_or_by_its_manifest()
    {
        using var elsewhere = new PluginBed();
        var manager = _bed.CreateManager(more: elsewhere);
        _bed.InstallOrdinary();
        await manager.LoadAsync("fixture.ordinary", CancellationToken.None);

        elsewhere.Install("UsesGreeterV1", "fixture.greeter1", "events:GREETING_OF_VERSION_1");
        var manifest = Path.Combine(elsewhere.PluginFolder, "fixture.greeter1", "manifest.json");
        File.Move(elsewhere.ManifestPath("fixture.greeter1"), manifest);
        var info = await manager.LoadManifestAsync(manifest, CancellationToken.None);

        Assert.Equal(PluginState.Loaded, info.State);
        Assert.Equal(["fixture.greeter1", "fixture.ordinary"], manager.List().Select(plugin => plugin.Id));
        Assert.NotNull(await manager.Of(ProvidedKind.Event).FindAsync("GREETING_OF_VERSION_1", CancellationToken.None));
    }

    [Fact]
    public async Task Loading_all_loads_the_good_ones()
    {
        _bed.InstallOrdinary().Install("ThrowsInConstructor", "fixture.throws-in-constructor", "events:NEVER");
        var manager = _bed.CreateManager();

        await manager.LoadAllAsync(CancellationToken.None);

        Assert.Equal([PluginState.Loaded, PluginState.Faulted], manager.List().Select(plugin => plugin.State));
    }

    [Fact]
    public void Formats_are_recognised_without_loading()
    {
        _bed.InstallOrdinary();
        _bed.EditManifest("fixture.ordinary", manifest => manifest["probes"] = System.Text.Json.Nodes.JsonNode.Parse(
            """[{ "driver": "fixture-zeroes", "offset": 2, "magic": "beef" }]"""));
        var manager = _bed.CreateManager();

        Assert.Equal(["fixture-zeroes"], manager.DriversByMagic([0, 0, 0xbe, 0xef, 0]));
        Assert.Empty(manager.DriversByMagic([0, 0, 0xbe]));
        Assert.Equal(PluginState.Available, manager.Find("fixture.ordinary")!.State);
    }

    [Fact]
    public async Task States_are_announced()
    {
        var manager = _bed.InstallOrdinary().CreateManager();
        var states = new List<PluginState>();
        manager.StateChanged += info => states.Add(info.State);

        await manager.LoadAsync("fixture.ordinary", CancellationToken.None);

        Assert.Equal([PluginState.Loaded], states);
    }

    [Fact]
    public async Task An_unknown_id_is_an_error()
    {
        var manager = _bed.CreateManager();

        var error = await Assert.ThrowsAsync<PluginException>(
            async () => await manager.LoadAsync("fixture.none", CancellationToken.None));

        Assert.Equal("Plugin 'fixture.none' is unknown: no manifest has that id", error.Message);
    }
}
