// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;
using BlockHost.Core.Plugins;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Loading.Tests.Life;

/// <summary>Loads, unloads and users from many threads: nobody uses a plugin that has stopped, and no state is lost.</summary>
public sealed class ManyAtOnceTests
{
    private const int Rounds = 2000;

    private readonly PluginManager _manager;

    public ManyAtOnceTests()
    {
        _manager = new PluginManager(new PluginManagerOptions { Host = () => new TestPluginHost(), Loader = new MemoryLoader() });
        _manager.Discover();
    }

    [Fact]
    public async Task A_plugin_in_use_never_stops()
    {
        var tasks = new[] { UseAsync(), UseAsync(), UseAsync(), UnloadAsync(), UnloadAsync(), LoadAsync() };

        await Task.WhenAll(tasks.Select(task => task.WaitAsync(TimeSpan.FromSeconds(120))));

        var found = await _manager.LoadAsync(MemoryLoader.Id, CancellationToken.None);
        Assert.Equal(PluginState.Loaded, found.State);
        Assert.Empty(found.Users);
        Assert.NotNull(await _manager.Of(ProvidedKind.Event).FindAsync(MemoryLoader.EventName, CancellationToken.None));
    }

    private Task UseAsync() => Repeat(async () =>
    {
        if (await _manager.Of(ProvidedKind.Event).FindAsync(MemoryLoader.EventName, CancellationToken.None) is { } found)
        {
            using var use = found.Use("a test");
            var value = (StoppableEvent)found.Value;
            for (var look = 0; look < 5; look++)
            {
                Assert.False(value.IsStopped, "a plugin in use has stopped");
                await Task.Yield();
            }
        }
    });

    private Task UnloadAsync() =>
        Repeat(async () => await _manager.UnloadAsync(MemoryLoader.Id, TimeSpan.FromMilliseconds(1), CancellationToken.None));

    private Task LoadAsync() => Repeat(async () => await _manager.LoadAsync(MemoryLoader.Id, CancellationToken.None));

    /// <summary>Being refused is an answer; anything else is not.</summary>
    private static Task Repeat(Func<Task> action) => Task.Run(async () =>
    {
        for (var round = 0; round < Rounds; round++)
        {
            try
            {
                await action();
            }
            catch (PluginException)
            {
            }
        }
    });

    private sealed class StoppableEvent() : QmpEvent(MemoryLoader.EventName)
    {
        private volatile bool _isStopped;

        public bool IsStopped => _isStopped;

        public override System.Text.Json.Serialization.Metadata.JsonTypeInfo? DataType => null;

        public void Stop() => _isStopped = true;
    }

    private sealed class StoppablePlugin : Plugin
    {
        private readonly StoppableEvent _event = new();

        public override void Register(IPluginRegistry registry) => registry.Add(_event);

        public override async ValueTask StopAsync(CancellationToken cancellationToken)
        {
            _event.Stop();
            await Task.Yield();
        }
    }

    private sealed class MemoryLoader : IPluginLoader
    {
        public const string Id = "fixture.memory";
        public const string EventName = "STOPPABLE";

        private static readonly PluginManifest Manifest = new()
        {
            Id = Id,
            Name = Id,
            Version = "1.0.0",
            AssemblyPath = "/nowhere.dll",
            Sha256 = new string('0', 64),
            Contract = new ContractRange(new(1, 0), new(2, 0)),
            Provides = new PluginProvides([new(ProvidedKind.Event, EventName)]),
        };

        public IReadOnlyList<PluginCandidate> Discover() => [ReadManifest("/nowhere.json")];

        public PluginCandidate ReadManifest(string path) => new(Id, path, Manifest, null);

        public bool HasNewCode(PluginManifest loaded) => false;

        public ILoadedPlugin Load(PluginManifest manifest) => new Loaded();

        private sealed class Loaded : ILoadedPlugin, IUnloadProof
        {
            public Plugin Plugin { get; } = new StoppablePlugin();

            public string? ResidentBecause => null;

            public bool IsCollected => true;

            public IUnloadProof Unload() => this;
        }
    }
}
