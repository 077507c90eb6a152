// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;
using BlockHost.Core.Plugins;
using BlockHost.Loading.Tests.Support;
using BlockHost.Plugins;

namespace BlockHost.Loading.Tests.Life;

/// <summary>One plugin that fails is named with its reason, and nothing else is affected.</summary>
public sealed class FaultTests : IDisposable
{
    private readonly PluginBed _bed = new();

    public void Dispose() => _bed.Dispose();

    [Fact]
    public async Task A_wrong_hash_is_refused_before_any_code_runs()
    {
        _bed.InstallOrdinary();
        var wrong = new string('0', 64);
        _bed.EditManifest("fixture.ordinary", manifest => manifest["sha256"] = wrong);

        await Faults(
            "fixture.ordinary",
            $"has SHA-256 {PluginBed.Sha256(_bed.AssemblyPath("fixture.ordinary"))}, but its manifest says {wrong}");
    }

    [Fact]
    public async Task A_missing_assembly_is_named()
    {
        _bed.InstallOrdinary();
        File.Delete(_bed.AssemblyPath("fixture.ordinary"));

        await Faults("fixture.ordinary", $"its assembly {_bed.AssemblyPath("fixture.ordinary")} is missing");
    }

    [Fact]
    public async Task A_corrupt_assembly_is_named()
    {
        _bed.InstallOrdinary();
        var assembly = _bed.AssemblyPath("fixture.ordinary");
        File.WriteAllBytes(assembly, File.ReadAllBytes(assembly)[..2000]);
        _bed.EditManifest("fixture.ordinary", manifest => manifest["sha256"] = PluginBed.Sha256(assembly));

        await Faults("fixture.ordinary", $"its assembly {assembly} is corrupt");
    }

    [Fact]
    public async Task A_plugin_for_a_newer_contract_is_unsupported_and_does_not_run()
    {
        _bed.Install("NewerContract", "fixture.newer-contract", "events:NEWER_CONTRACT");

        await Faults(
            "fixture.newer-contract",
            $"it was compiled against contract {Contract.Major}.{Contract.Minor + 7}; this host serves {Contract.Major}.{Contract.Minor}",
            PluginState.Unsupported);
        Assert.Null(Environment.GetEnvironmentVariable("FIXTURE_NEWER_CONTRACT_RAN"));
    }

    [Fact]
    public async Task A_manifest_for_another_contract_is_unsupported_before_anything_is_asked_for()
    {
        _bed.InstallOrdinary();
        _bed.EditManifest(
            "fixture.ordinary", manifest => manifest["contract"] = new JsonObject { ["min"] = "7.0", ["max"] = "8.0" });
        Assert.Equal(PluginState.Unsupported, _bed.CreateManager().Find("fixture.ordinary")!.State);

        await Faults("fixture.ordinary", "it is for contract [7.0, 8.0)", PluginState.Unsupported);
    }

    [Fact]
    public async Task A_plugin_that_brings_a_later_contract_is_unsupported()
    {
        _bed.Install("PrivateContract", "fixture.private-contract", "events:PRIVATE_CONTRACT");

        await Faults(
            "fixture.private-contract", "it needs BlockHost.Abstractions 1.9.0.0, but the host has", PluginState.Unsupported);
    }

    [Fact]
    public async Task A_plugin_whose_library_is_for_a_later_contract_is_unsupported()
    {
        _bed.InstallOrdinary();
        var library = Fixtures.Assembly("PrivateContract");
        File.Copy(library, Path.Combine(_bed.PluginFolder, "fixture.ordinary", Path.GetFileName(library)));

        await Faults(
            "fixture.ordinary",
            "its library Fixture.PrivateContract.dll needs BlockHost.Abstractions 1.9.0.0, but the host has",
            PluginState.Unsupported);
    }

    [Fact]
    public async Task A_constructor_that_throws_is_named()
    {
        _bed.Install("ThrowsInConstructor", "fixture.throws-in-constructor", "events:NEVER");

        await Faults("fixture.throws-in-constructor", "failed in its constructor: InvalidOperationException: no luck today");
    }

    [Fact]
    public async Task A_plugin_that_throws_in_Register_leaves_nothing()
    {
        _bed.Install("ThrowsInRegister", "fixture.throws-in-register", "events:HALF_WAY");

        var manager = await Faults(
            "fixture.throws-in-register", "failed in Register: InvalidOperationException: half way is enough");

        Assert.Empty(manager.Of(ProvidedKind.Event).Loaded);
        Assert.Empty(manager.Of(ProvidedKind.Event).Names);
    }

    [Fact]
    public async Task A_name_that_two_manifests_provide_belongs_to_the_first()
    {
        _bed.InstallOrdinary().Install("DuplicateDriver", "fixture.duplicate", "drivers:fixture-zeroes");
        var manager = _bed.CreateManager();

        Assert.Equal(PluginState.Faulted, manager.Find("fixture.ordinary")!.State);
        Assert.Equal(
            "provides the block driver 'fixture-zeroes', which plugin 'fixture.duplicate' already provides",
            manager.Find("fixture.ordinary")!.Reason);
        var driver = await manager.Of(ProvidedKind.Driver).FindAsync("fixture-zeroes", CancellationToken.None);
        Assert.Equal("fixture.duplicate", driver!.Owner.Identity.Id);
    }

    [Fact]
    public async Task A_name_of_the_hosts_is_refused()
    {
        var manager = _bed.InstallOrdinary().CreateManager();
        manager.AddHost(registry => registry.Add(BlockHost.Qmp.QmpCommand.CreateAction("fixture-echo", (_, _) => default)));

        var error = await Assert.ThrowsAsync<PluginException>(
            async () => await manager.Of(ProvidedKind.Driver).FindAsync("fixture-zeroes", CancellationToken.None));

        Assert.Contains("provides the command 'fixture-echo', which plugin 'host' already provides", error.Message);
        Assert.Empty(manager.Of(ProvidedKind.Driver).Loaded);
    }

    [Fact]
    public async Task A_plugin_must_register_all_that_its_manifest_lists()
    {
        _bed.InstallOrdinary();
        _bed.EditManifest("fixture.ordinary", manifest => manifest["provides"] =
            PluginBed.Provides("drivers:fixture-zeroes", "drivers:fixture-ones", "commands:fixture-echo"));

        await Faults("fixture.ordinary", "does not register what its manifest lists: block driver 'fixture-ones'");
    }

    [Fact]
    public async Task A_plugin_must_not_register_what_its_manifest_does_not_list()
    {
        _bed.InstallOrdinary();
        _bed.EditManifest("fixture.ordinary", manifest => manifest["provides"] = PluginBed.Provides("drivers:fixture-zeroes"));

        await Faults("fixture.ordinary", "registers what its manifest does not list: command 'fixture-echo'");
    }

    [Fact]
    public async Task A_plugin_is_who_its_manifest_says()
    {
        _bed.Install("Ordinary", "fixture.other-name", "drivers:fixture-zeroes", "commands:fixture-echo");
        var manager = _bed.CreateManager();

        var driver = await manager.Of(ProvidedKind.Driver).FindAsync("fixture-zeroes", CancellationToken.None);

        Assert.Equal(manager.Find("fixture.other-name")!.Version, driver!.Owner.Identity.Version);
        Assert.Equal("fixture.other-name", driver.Owner.Identity.Id);
    }

    [Fact]
    public async Task An_unreadable_manifest_does_not_stop_the_others()
    {
        _bed.InstallOrdinary();
        File.WriteAllText(_bed.ManifestPath("fixture.broken"), "{");
        var manager = _bed.CreateManager();

        Assert.Equal(PluginState.Faulted, manager.Find("fixture.broken")!.State);
        Assert.Contains("is not well formed", manager.Find("fixture.broken")!.Reason);
        Assert.NotNull(await manager.Of(ProvidedKind.Driver).FindAsync("fixture-zeroes", CancellationToken.None));
    }

    [Fact]
    public void A_manifest_must_be_called_like_its_id()
    {
        _bed.InstallOrdinary();
        File.Move(_bed.ManifestPath("fixture.ordinary"), _bed.ManifestPath("fixture.renamed"));

        Assert.Contains("file name and id must be the same", _bed.CreateManager().Find("fixture.renamed")!.Reason);
    }

    [Fact]
    public async Task A_mended_plugin_loads_on_request()
    {
        _bed.InstallOrdinary();
        var right = PluginBed.Sha256(_bed.AssemblyPath("fixture.ordinary"));
        _bed.EditManifest("fixture.ordinary", manifest => manifest["sha256"] = new string('0', 64));
        var manager = await Faults("fixture.ordinary", "SHA-256");

        _bed.EditManifest("fixture.ordinary", manifest => manifest["sha256"] = right);
        var info = await manager.LoadAsync("fixture.ordinary", CancellationToken.None);

        Assert.Equal(PluginState.Loaded, info.State);
        Assert.Null(info.Reason);
    }

    /// <summary>Whoever asks for something the plugin provides is told why it is not there, now and later.</summary>
    private async Task<PluginManager> Faults(string id, string reason, PluginState state = PluginState.Faulted)
    {
        var manager = _bed.CreateManager();
        var name = manager.Find(id)!.Provides!.All().First();
        for (var attempt = 0; attempt < 2; attempt++)
        {
            var error = await Assert.ThrowsAsync<PluginException>(async () => await Find(manager, name));
            Assert.StartsWith($"Plugin '{id}' is {state.ToString().ToLowerInvariant()}: ", error.Message);
            Assert.Contains(reason, error.Message);
        }

        var info = manager.Find(id)!;
        Assert.Equal(state, info.State);
        Assert.Contains(reason, info.Reason);
        return manager;
    }

    private static async Task Find(PluginManager manager, ProvidedName name)
    {
        if (name.Kind == ProvidedKind.Driver)
            await manager.Of(ProvidedKind.Driver).FindAsync(name.Name, CancellationToken.None);
        else
            await manager.Of(ProvidedKind.Event).FindAsync(name.Name, CancellationToken.None);
    }
}
