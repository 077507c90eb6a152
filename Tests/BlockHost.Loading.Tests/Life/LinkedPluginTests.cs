// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;
using BlockHost.Core.Plugins;
using BlockHost.Plugins;
using BlockHost.Qmp;
using Moq;

namespace BlockHost.Loading.Tests.Life;

/// <summary>The static composition: plugins as instances, through the same Register.</summary>
public sealed class LinkedPluginTests
{
    private readonly PluginManager _manager = new(new PluginManagerOptions { Host = () => new TestPluginHost() });

    [Fact]
    public async Task A_linked_plugin_is_there_from_the_start()
    {
        await _manager.AddLinkedAsync("linked.one", new LinkedFixture("ONE"), CancellationToken.None);

        Assert.Equal(PluginState.Loaded, _manager.Find("linked.one")!.State);
        Assert.NotNull(await _manager.Of(ProvidedKind.Event).FindAsync("ONE", CancellationToken.None));
    }

    [Fact]
    public async Task It_cannot_be_unloaded()
    {
        await _manager.AddLinkedAsync("linked.one", new LinkedFixture("ONE"), CancellationToken.None);

        var error = await Assert.ThrowsAsync<PluginException>(
            async () => await _manager.UnloadAsync("linked.one", TimeSpan.Zero, CancellationToken.None));

        Assert.Equal("Plugin 'linked.one' cannot be unloaded: it is linked into the program", error.Message);
    }

    [Fact]
    public async Task One_that_fails_is_faulted_and_does_not_stop_the_start()
    {
        await _manager.AddLinkedAsync(
            "linked.one", new LinkedFixture("ONE") { OnStart = _ => throw new IOException("no disk") }, CancellationToken.None);
        await _manager.AddLinkedAsync("linked.two", new LinkedFixture("TWO"), CancellationToken.None);

        Assert.Equal("failed in StartAsync: IOException: no disk", _manager.Find("linked.one")!.Reason);
        Assert.Equal(["TWO"], _manager.Of(ProvidedKind.Event).Names);
    }

    [Fact]
    public async Task A_name_taken_twice_faults_the_second()
    {
        await _manager.AddLinkedAsync("linked.one", new LinkedFixture("SAME"), CancellationToken.None);
        await _manager.AddLinkedAsync("linked.two", new LinkedFixture("SAME"), CancellationToken.None);

        Assert.Equal(
            "provides the event 'SAME', which plugin 'linked.one' already provides", _manager.Find("linked.two")!.Reason);
    }

    [Fact]
    public async Task Within_one_plugin_too()
    {
        await _manager.AddLinkedAsync("linked.one", new LinkedFixture("SAME", "SAME"), CancellationToken.None);

        Assert.Equal("registers the event 'SAME' twice", _manager.Find("linked.one")!.Reason);
        Assert.Empty(_manager.Of(ProvidedKind.Event).Loaded);
    }

    [Theory]
    [InlineData("")]
    [InlineData("with space")]
    [InlineData("with\nline")]
    public async Task Names_that_are_not_well_formed_are_refused(string name)
    {
        await _manager.AddLinkedAsync("linked.one", new LinkedFixture(name), CancellationToken.None);

        Assert.Contains("not well formed", _manager.Find("linked.one")!.Reason);
    }

    [Fact]
    public async Task Nothing_is_visible_before_the_plugin_has_started()
    {
        var visible = -1;
        await _manager.AddLinkedAsync(
            "linked.one",
            new LinkedFixture("ONE") { OnStart = _ => visible = _manager.Of(ProvidedKind.Event).Loaded.Count },
            CancellationToken.None);

        Assert.Equal(0, visible);
        Assert.Single(_manager.Of(ProvidedKind.Event).Loaded);
    }

    [Fact]
    public async Task A_plugin_that_waits_for_its_own_start_is_told()
    {
        var loader = new Mock<IPluginLoader>();
        var manager = new PluginManager(new PluginManagerOptions { Host = () => new TestPluginHost(), Loader = loader.Object });
        var plugin = new LinkedFixture("CIRCLE") { StartsBy = ct => manager.Of(ProvidedKind.Event).FindAsync("CIRCLE", ct) };
        var loaded = Mock.Of<ILoadedPlugin>(l => l.Plugin == plugin && l.ResidentBecause == "it is a mock");
        var manifest = new PluginManifest
        {
            Id = "fixture.circle",
            Name = "circle",
            Version = "1",
            AssemblyPath = "/nowhere.dll",
            Sha256 = new string('0', 64),
            Contract = new ContractRange(new(1, 0), new(2, 0)),
            Provides = new PluginProvides([new(ProvidedKind.Event, "CIRCLE")]),
        };
        loader.Setup(l => l.Discover()).Returns([new PluginCandidate(manifest.Id, "/nowhere.json", manifest, null)]);
        loader.Setup(l => l.Load(manifest)).Returns(loaded);
        manager.Discover();

        var find = manager.Of(ProvidedKind.Event).FindAsync("CIRCLE", CancellationToken.None).AsTask();

        var error = await Assert.ThrowsAsync<PluginException>(() => find.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Contains("asks, while it starts, for something that it provides itself", error.Message);
    }

    private sealed class LinkedFixture(params string[] events) : Plugin
    {
        public Action<IPluginHost> OnStart { get; init; } = _ => { };

        public Func<CancellationToken, ValueTask<Provided<QmpEvent>?>>? StartsBy { get; init; }

        public override void Register(IPluginRegistry registry)
        {
            foreach (var name in events)
                registry.Add(new QmpSignal(name));
        }

        public override async ValueTask StartAsync(IPluginHost host, CancellationToken cancellationToken)
        {
            OnStart(host);
            if (StartsBy is not null)
                await StartsBy(cancellationToken);
        }
    }
}
