// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using System.Text.Json;
using BlockHost.Block.Facets;
using BlockHost.Plugins;
using BlockHost.Plugins.Block.File;

namespace BlockHost.Block.File.Tests;

/// <summary>The plugin keeps no thread and no root: after it has stopped its code can go.</summary>
[Collection(Alone.Name)]
public sealed class UnloadTests : IDisposable
{
    private readonly FileFixture _files = new();

    [Theory]
    [InlineData("threads", false)]
    [InlineData("native", true)]
    [InlineData("io_uring", true)]
    public async Task A_used_and_stopped_plugin_can_be_unloaded(string aio, bool direct)
    {
        var code = await UseAsync(aio, direct);
        for (var i = 0; i < 100 && code.IsAlive; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            await Task.Delay(20);
        }

        Assert.False(code.IsAlive, "something still holds the plugin's code");
    }

    public void Dispose() => _files.Dispose();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private async Task<WeakReference> UseAsync(string aio, bool direct)
    {
        var context = new AssemblyLoadContext("plugin", isCollectible: true);
        var assembly = context.LoadFromAssemblyPath(typeof(FilePlugin).Assembly.Location);
        var plugin = (Plugin)Activator.CreateInstance(assembly.GetType(typeof(FilePlugin).FullName!)!)!;
        await UseAsync(plugin, aio, direct);
        await plugin.StopAsync(default);
        context.Unload();
        return new WeakReference(assembly);
    }

    private async Task UseAsync(Plugin plugin, string aio, bool direct)
    {
        var drivers = new Registry();
        plugin.Register(drivers);
        var path = _files.CreateFile(1 << 20);
        var options = JsonDocument.Parse($$"""{"filename":"{{path}}","aio":"{{aio}}"}""").RootElement;
        var node = await drivers.Driver!.OpenAsync(FileFixture.Context(f => f.Direct = direct), options, default);
        var data = ReadWriteTests.Aligned(new byte[512 * 1024]);
        await node.WriteAsync(0, data, WriteFlags.None, default);
        await node.FlushAsync(default);
        await node.ReadAsync(0, data, ReadFlags.None, default);
        await ((IResizable)node).ResizeAsync(2 << 20, default, default);
        await Assert.ThrowsAsync<BlockException>(async () => await ((IResizable)node).ResizeAsync(-1, default, default));
        await node.DisposeAsync();
    }

    /// <summary>Not a mock: those remember their calls for ever.</summary>
    private sealed class Registry : IPluginRegistry
    {
        public BlockDriver? Driver { get; private set; }

        public void Add(IProvided thing) => Driver ??= (BlockDriver)thing;
    }
}
