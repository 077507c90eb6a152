// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using BlockHost.Core.Plugins;
using BlockHost.Loading.Tests.Support;
using BlockHost.Plugins;

namespace BlockHost.Loading.Tests.Life;

/// <summary>
/// When a thread ends, the runtime frees its thread-static fields of code that can be unloaded, by numbers. After an unload
/// those numbers belong to other code, whose static fields it frees instead: docs/decisions/13.
/// </summary>
public sealed class ThreadEndTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly PluginBed _bed = new();

    public void Dispose() => _bed.Dispose();

    [Fact]
    public async Task A_thread_that_worked_for_unloaded_code_frees_nothing_of_the_code_that_came_after()
    {
        using var release = new ManualResetEventSlim();
        var (gone, worked) = await WorkForCodeThatIsUnloadedAsync(release);
        for (var round = 0; round < 200 && !gone.IsCollected; round++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            await Task.Delay(10);
        }

        Assert.True(gone.IsCollected);
        using var next = Load();
        Call(next, "TouchStatics");
        Call(next, "TouchThread");
        release.Set();
        await worked.WaitAsync(Patience);

        for (var round = 0; round < 5; round++)
            GC.Collect();
        Assert.Equal(0, Call(next, "Lost"));
    }

    [Fact]
    public async Task While_a_plugin_makes_threads_that_end_no_plugin_is_unloaded()
    {
        var manager = _bed.InstallOrdinary().Install("OwnThreads", "fixture.own-threads", "events:OWN_THREADS").CreateManager();
        await manager.LoadAsync("fixture.ordinary", CancellationToken.None);
        await manager.LoadAsync("fixture.own-threads", CancellationToken.None);

        foreach (var id in new[] { "fixture.ordinary", "fixture.own-threads" })
        {
            var error = await Assert.ThrowsAsync<PluginException>(
                async () => await manager.UnloadAsync(id, Patience, CancellationToken.None));
            Assert.Equal(
                $"Plugin '{id}' cannot be unloaded: Fixture.OwnThreads.dll makes threads that end (System.Threading.Thread, where PluginThread is meant to be used)",
                error.Message);
        }
    }

    [Fact]
    public async Task A_library_that_makes_threads_counts_though_nothing_has_used_it()
    {
        var library = Fixtures.Assembly("OwnThreads");
        var manager = _bed.InstallOrdinary().CreateManager();
        File.Copy(library, Path.Combine(_bed.PluginFolder, "fixture.ordinary", Path.GetFileName(library)));
        await manager.LoadAsync("fixture.ordinary", CancellationToken.None);

        var error = await Assert.ThrowsAsync<PluginException>(
            async () => await manager.UnloadAsync("fixture.ordinary", Patience, CancellationToken.None));

        Assert.Contains("Fixture.OwnThreads.dll makes threads that end", error.Message);
    }

    [Theory]
    [InlineData("OwnThreads", "System.Threading.Thread")]
    [InlineData("Ordinary", null)]
    public void Code_that_makes_threads_is_known_before_it_runs(string fixture, string? maker) =>
        Assert.Equal(maker, ThreadUse.Find(File.ReadAllBytes(Fixtures.Assembly(fixture))));

    [Fact]
    public void What_is_no_assembly_makes_no_threads() => Assert.Null(ThreadUse.Find([1, 2, 3]));

    private static PluginLoader Load() =>
        PluginLoader.FromAssembly(Fixtures.Assembly("ThreadStatics"), [typeof(Plugin)], unloadable: true);

    private static object? Call(PluginLoader loader, string method) =>
        loader.LoadDefaultAssembly().GetType("Fixture.Probe")!.GetMethod(method)!.Invoke(null, null);

    /// <summary>The work returns only after <paramref name="release"/>, and refers to nothing of the code by then.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<(IUnloadProof Gone, Task Worked)> WorkForCodeThatIsUnloadedAsync(ManualResetEventSlim release)
    {
        var touched = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var worked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var loader = new StrongBox<PluginLoader?>(Load());
        PluginThread.Start("test", () =>
        {
            TouchThread(loader);
            touched.SetResult();
            release.Wait();
            worked.SetResult();
        });
        await touched.Task;
        return (Unload(loader), worked.Task);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void TouchThread(StrongBox<PluginLoader?> loader) => Call(loader.Value!, "TouchThread");

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static IUnloadProof Unload(StrongBox<PluginLoader?> loader)
    {
        var proof = loader.Value!.Unload();
        loader.Value = null;
        return proof;
    }
}
