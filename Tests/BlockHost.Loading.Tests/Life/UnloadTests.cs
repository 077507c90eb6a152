// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Conformance.TestHost;
using BlockHost.Core.Plugins;
using BlockHost.Loading.Tests.Support;
using BlockHost.Plugins;

namespace BlockHost.Loading.Tests.Life;

public sealed class UnloadTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly PluginBed _bed = new();

    public void Dispose() => _bed.Dispose();

    [Fact]
    public async Task A_plugin_that_nobody_uses_is_unloaded_and_loads_again()
    {
        var manager = _bed.InstallOrdinary().CreateManager();
        await UseAsync(manager);

        var info = await manager.UnloadAsync("fixture.ordinary", Patience, CancellationToken.None);

        Assert.Equal(PluginState.Available, info.State);
        Assert.Null(info.Reason);
        Assert.Empty(manager.Of(ProvidedKind.Driver).Loaded);
        await UseAsync(manager);
        Assert.Equal(PluginState.Loaded, manager.Find("fixture.ordinary")!.State);
    }

    [Fact]
    public async Task While_a_node_is_open_the_plugin_stays_and_the_node_is_named()
    {
        var manager = _bed.InstallOrdinary().CreateManager();
        var node = await OpenAsync(manager, "node 'disk0'");

        var info = await manager.UnloadAsync("fixture.ordinary", TimeSpan.FromMilliseconds(50), CancellationToken.None);

        Assert.Equal(PluginState.Unloading, info.State);
        Assert.Equal("in use by node 'disk0'", info.Reason);
        Assert.Equal(["node 'disk0'"], info.Users);
        await RefusesNewUsers(manager);
        await ReadAsync(node);
        await CloseAsync(node);

        info = await manager.UnloadAsync("fixture.ordinary", Patience, CancellationToken.None);
        Assert.Equal(PluginState.Available, info.State);
    }

    [Fact]
    public async Task An_unload_that_waits_for_users_is_called_off_by_a_load()
    {
        var manager = _bed.InstallOrdinary().CreateManager();
        var node = await OpenAsync(manager, "node 'disk0'");
        var pending = manager.UnloadAsync("fixture.ordinary", Patience, CancellationToken.None);

        var info = await manager.LoadAsync("fixture.ordinary", CancellationToken.None);

        Assert.Equal(PluginState.Loaded, info.State);
        Assert.Equal(PluginState.Loaded, (await pending).State);
        await UseAsync(manager);
        await CloseAsync(node);
        Assert.Equal(PluginState.Loaded, manager.Find("fixture.ordinary")!.State);
    }

    [Fact]
    public async Task A_forgotten_delegate_is_reported_as_pending()
    {
        var manager = _bed.Install("ForgottenDelegate", "fixture.forgotten-delegate", "events:FORGETFUL").CreateManager();
        await manager.LoadAsync("fixture.forgotten-delegate", CancellationToken.None);

        var info = await manager.UnloadAsync("fixture.forgotten-delegate", TimeSpan.FromSeconds(3), CancellationToken.None);
        // The host says so only after it has collected garbage a few times.
        for (var tries = 0; info.Reason is null && tries < 600; tries++)
        {
            await Task.Delay(100);
            info = manager.Find("fixture.forgotten-delegate")!;
        }

        Assert.Equal(PluginState.Unloading, info.State);
        Assert.Empty(info.Users);
        Assert.Contains("a forgotten delegate or a static root holds it", info.Reason);
        var error = await Assert.ThrowsAsync<PluginException>(
            async () => await manager.LoadAsync("fixture.forgotten-delegate", CancellationToken.None));
        Assert.Contains("is unloading", error.Message);
    }

    [Fact]
    public async Task A_timer_that_fails_is_the_plugins_fault_and_one_that_is_forgotten_ends_with_it()
    {
        var manager = _bed.Install("ForgottenTimer", "fixture.forgotten-timer", "events:TICKING").CreateManager();
        await manager.LoadAsync("fixture.forgotten-timer", CancellationToken.None);
        await Task.Delay(20);

        var info = await manager.UnloadAsync("fixture.forgotten-timer", Patience, CancellationToken.None);

        Assert.Equal(PluginState.Available, info.State);
    }

    [Fact]
    public async Task A_box_that_host_code_kept_does_not_keep_the_plugin()
    {
        var manager = _bed.InstallOrdinary().CreateManager();
        var kept = await manager.Of(ProvidedKind.Driver).FindAsync("fixture-zeroes", CancellationToken.None);

        var info = await manager.UnloadAsync("fixture.ordinary", Patience, CancellationToken.None);

        Assert.Equal(PluginState.Available, info.State);
        Assert.Contains("has been unloaded", Assert.Throws<PluginException>(() => kept!.Value).Message);
    }

    [Fact]
    public async Task New_files_replace_old_ones_between_unload_and_load()
    {
        var manager = _bed.Install("UsesGreeterV1", "fixture.greeter1", "events:GREETING_OF_VERSION_1").CreateManager();
        await manager.LoadAsync("fixture.greeter1", CancellationToken.None);
        await manager.UnloadAsync("fixture.greeter1", Patience, CancellationToken.None);

        Directory.Delete(Path.Combine(_bed.PluginFolder, "fixture.greeter1"), recursive: true);
        _bed.Install("Ordinary", "fixture.ordinary", "drivers:fixture-zeroes", "commands:fixture-echo");
        File.Delete(_bed.ManifestPath("fixture.greeter1"));

        var error = await Assert.ThrowsAsync<PluginException>(
            async () => await manager.LoadAsync("fixture.greeter1", CancellationToken.None));
        Assert.Contains("cannot be read", error.Message);
        Assert.Equal(PluginState.Loaded, (await manager.LoadAsync("fixture.ordinary", CancellationToken.None)).State);
    }

    [Fact]
    public async Task States_are_announced_in_order()
    {
        var manager = _bed.InstallOrdinary().CreateManager();
        var states = new List<PluginState>();
        manager.StateChanged += info => states.Add(info.State);
        await manager.LoadAsync("fixture.ordinary", CancellationToken.None);

        await manager.UnloadAsync("fixture.ordinary", Patience, CancellationToken.None);

        Assert.Equal([PluginState.Loaded, PluginState.Unloading, PluginState.Available], states);
    }

    [Fact]
    public async Task What_is_not_loaded_cannot_be_unloaded()
    {
        var manager = _bed.InstallOrdinary().CreateManager();

        var error = await Assert.ThrowsAsync<PluginException>(
            async () => await manager.UnloadAsync("fixture.ordinary", Patience, CancellationToken.None));

        Assert.Equal("Plugin 'fixture.ordinary' is not loaded", error.Message);
    }

    [Fact]
    public async Task A_program_that_loads_plugins_for_good_unloads_none()
    {
        _bed.InstallOrdinary();
        var manager = new PluginManager(new PluginManagerOptions
        {
            Host = () => new TestPluginHost(),
            Loader = new AssemblyPluginLoader(_bed.Locations) { Unloadable = false },
        });
        manager.Discover();
        await UseAsync(manager);

        var error = await Assert.ThrowsAsync<PluginException>(
            async () => await manager.UnloadAsync("fixture.ordinary", Patience, CancellationToken.None));

        Assert.Equal("Plugin 'fixture.ordinary' cannot be unloaded: this program loads plugins for good", error.Message);
        await UseAsync(manager);
    }

    private static async Task RefusesNewUsers(PluginManager manager)
    {
        var error = await Assert.ThrowsAsync<PluginException>(
            async () => await manager.Of(ProvidedKind.Driver).FindAsync("fixture-zeroes", CancellationToken.None));
        Assert.Equal("Plugin 'fixture.ordinary' is unloading: in use by node 'disk0'", error.Message);
        Assert.Throws<PluginException>(() => manager.Of(ProvidedKind.Driver).Loaded.Single().Use("node 'disk1'"));
    }

    /// <summary>What a host does with a driver: open, read, close. Apart, so that no local of a test holds the plugin.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task UseAsync(PluginManager manager)
    {
        var node = await OpenAsync(manager, "node 'short-lived'");
        await ReadAsync(node);
        await CloseAsync(node);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<OpenNode> OpenAsync(PluginManager manager, string user)
    {
        var driver = await manager.Of(ProvidedKind.Driver).FindAsync("fixture-zeroes", CancellationToken.None);
        var use = driver!.Use(user);
        using var options = JsonDocument.Parse("""{ "size": 65536 }""");
        return new OpenNode(await driver.Value.OpenAsync(null!, options.RootElement, CancellationToken.None), use);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task ReadAsync(OpenNode open)
    {
        var buffer = new byte[512];
        buffer.AsSpan().Fill(1);
        var target = new IoVector();
        target.Add(buffer);
        await open.Node!.ReadAsync(0, target.All, ReadFlags.None, CancellationToken.None);
        Assert.All(buffer, value => Assert.Equal(0, value));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task CloseAsync(OpenNode open)
    {
        await open.Node!.DisposeAsync();
        open.Node = null;
        open.Use.Dispose();
    }

    private sealed class OpenNode(BlockNode node, PluginUse use)
    {
        public BlockNode? Node { get; set; } = node;

        public PluginUse Use { get; } = use;
    }
}
