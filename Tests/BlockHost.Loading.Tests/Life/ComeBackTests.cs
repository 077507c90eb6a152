// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using BlockHost.Core.Plugins;
using BlockHost.Loading.Tests.Support;
using BlockHost.Plugins;

namespace BlockHost.Loading.Tests.Life;

/// <summary>Who wants something of a plugin that is on its way out gets it: the plugin comes back, or never leaves.</summary>
public sealed class ComeBackTests : IDisposable
{
    private const string Id = "fixture.ordinary";
    private const string Driver = "fixture-zeroes";
    private const string Command = "fixture-echo";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly PluginBed _bed = new();

    public void Dispose() => _bed.Dispose();

    [Fact]
    public async Task Asked_for_while_its_code_is_being_collected_the_plugin_is_loaded_again()
    {
        var manager = _bed.InstallOrdinary().CreateManager();
        for (var round = 0; round < 5; round++)
        {
            await manager.LoadAsync(Id, CancellationToken.None);
            var unload = manager.UnloadAsync(Id, Patience, CancellationToken.None);

            Assert.NotNull(await manager.Of(ProvidedKind.Driver).FindAsync(Driver, CancellationToken.None));

            await unload;
            Assert.Equal(PluginState.Loaded, manager.Find(Id)!.State);
        }
    }

    [Fact]
    public async Task A_command_that_comes_just_after_the_unload_is_carried_out()
    {
        await using var host = await JobHost.StartAsync(_bed.InstallOrdinary());
        for (var round = 0; round < 5; round++)
        {
            await host.RunAsync(Command, """{"text":"first"}""");
            var unload = host.Plugins.UnloadAsync(Id, Patience, CancellationToken.None);

            Assert.Equal("second", (await host.RunAsync(Command, """{"text":"second"}""")).GetProperty("text").GetString());

            await unload;
        }
    }

    [Fact]
    public async Task What_it_provides_can_be_had_in_every_state_of_an_unload()
    {
        var manager = _bed.InstallOrdinary().CreateManager();
        await manager.LoadAsync(Id, CancellationToken.None);
        var missing = new List<string>();
        manager.StateChanged += info => Look($"at {info.State}");
        manager.Changed += () => Look("at a change of names");

        await manager.UnloadAsync(Id, Patience, CancellationToken.None);

        Assert.Empty(missing);

        void Look(string when)
        {
            if (!manager.Of(ProvidedKind.Driver).Names.Contains(Driver)
                || !manager.Of(ProvidedKind.Command).Names.Contains(Command))
                missing.Add(when);
        }
    }

    [Fact]
    public async Task An_unload_that_waits_only_for_a_command_is_called_off_by_who_wants_the_plugin()
    {
        var manager = _bed.InstallOrdinary().CreateManager();
        var lease = await manager.Of(ProvidedKind.Command)
            .LeaseAsync(Command, "command 'fixture-echo'", brief: true, CancellationToken.None);
        var unload = manager.UnloadAsync(Id, Patience, CancellationToken.None);

        Assert.NotNull(
            await manager.Of(ProvidedKind.Driver).LeaseAsync(Driver, "node 'disk0'", brief: false, CancellationToken.None));

        Assert.Equal(PluginState.Loaded, (await unload).State);
        lease!.Use.Dispose();
    }

    [Fact]
    public async Task An_unload_that_waits_for_a_node_is_not_called_off_by_a_command()
    {
        var manager = _bed.InstallOrdinary().CreateManager();
        var node = await manager.Of(ProvidedKind.Driver).LeaseAsync(Driver, "node 'disk0'", brief: false, CancellationToken.None);
        await manager.UnloadAsync(Id, TimeSpan.Zero, CancellationToken.None);

        var error = await Assert.ThrowsAsync<PluginException>(
            async () =>
                await manager.Of(ProvidedKind.Command)
                    .LeaseAsync(Command, "command 'fixture-echo'", brief: true, CancellationToken.None));

        Assert.Equal("Plugin 'fixture.ordinary' is unloading: in use by node 'disk0'", error.Message);
        node!.Use.Dispose();
    }

    [Fact]
    public async Task The_schema_is_whole_while_an_unload_waits_and_after_it()
    {
        await using var host = await JobHost.StartAsync(_bed.InstallOrdinary());
        var schema = await host.SchemaAsync();
        var node = await UseDriverAsync(host.Plugins);
        await host.Plugins.UnloadAsync(Id, TimeSpan.Zero, CancellationToken.None);

        Assert.Equal(schema, await host.SchemaAsync());

        node.Dispose();
        Assert.Equal(schema, await host.SchemaAsync());
    }

    [Fact]
    public async Task New_files_are_taken_by_a_load_that_comes_just_after_the_unload()
    {
        var manager = _bed.InstallOrdinary().CreateManager();
        await manager.LoadAsync(Id, CancellationToken.None);
        _bed.EditManifest(Id, manifest => manifest["version"] = "1.1.0");
        var unload = manager.UnloadAsync(Id, Patience, CancellationToken.None);

        await manager.LoadAsync(Id, CancellationToken.None);

        await unload;
        Assert.Equal("1.1.0", manager.Find(Id)!.Version);
    }

    /// <summary>Apart, so that no local of a test holds the plugin.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<PluginUse> UseDriverAsync(PluginManager manager) =>
        (await manager.Of(ProvidedKind.Driver).LeaseAsync(Driver, "node 'disk0'", brief: false, CancellationToken.None))!.Use;
}
