// SPDX-License-Identifier: MIT
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using BlockHost.Core.Plugins;
using BlockHost.Loading.Tests.Support;
using BlockHost.Plugins;

namespace BlockHost.Loading.Tests.Isolation;

public sealed class PluginLoaderTests : IDisposable
{
    private static readonly Type[] Shared = [typeof(Plugin)];

    private readonly PluginBed _bed = new();

    public void Dispose() => _bed.Dispose();

    [Fact]
    public void Contract_types_are_the_hosts_own()
    {
        using var loader = Load("Ordinary");

        Assert.True(loader.LoadDefaultAssembly().GetType("Fixture.OrdinaryPlugin")!.IsSubclassOf(typeof(Plugin)));
    }

    [Fact]
    public void Each_plugin_has_a_context_of_its_own()
    {
        using var first = Load("Ordinary");
        using var second = Load("Ordinary");

        Assert.NotEqual(
            first.LoadDefaultAssembly().GetType("Fixture.OrdinaryPlugin"),
            second.LoadDefaultAssembly().GetType("Fixture.OrdinaryPlugin"));
    }

    [Fact]
    public void Two_plugins_carry_different_versions_of_one_library()
    {
        using var first = Load("UsesGreeterV1");
        using var second = Load("UsesGreeterV2");

        Assert.Equal(new Version(1, 0, 0, 0), first.LoadAssembly(new AssemblyName("Greeter")).GetName().Version);
        Assert.Equal(new Version(2, 0, 0, 0), second.LoadAssembly(new AssemblyName("Greeter")).GetName().Version);
    }

    [Fact]
    public void A_library_beside_the_plugin_is_found_without_a_deps_file()
    {
        _bed.Install("UsesGreeterV1", "fixture.greeter1");
        var assembly = _bed.AssemblyPath("fixture.greeter1");
        File.Delete(Path.ChangeExtension(assembly, ".deps.json"));
        using var loader = PluginLoader.FromAssembly(assembly, Shared, unloadable: true);

        Assert.Equal("Greeter", loader.LoadAssembly(new AssemblyName("Greeter")).GetName().Name);
    }

    [Fact]
    public void Files_in_use_can_be_replaced()
    {
        _bed.InstallOrdinary();
        var assembly = _bed.AssemblyPath("fixture.ordinary");
        using var loader = PluginLoader.FromAssembly(assembly, Shared, unloadable: true);
        var loaded = loader.LoadDefaultAssembly();

        using (new FileStream(assembly, FileMode.Open, FileAccess.ReadWrite, FileShare.None))
            Assert.NotNull(loaded.GetType("Fixture.OrdinaryPlugin"));
        Assert.Empty(loaded.Location);
    }

    [Fact]
    public void Types_are_found_by_name_inside_the_reflection_scope()
    {
        using var loader = Load("Ordinary");
        loader.LoadDefaultAssembly();
        const string Name = "Fixture.OrdinaryPlugin, Fixture.Ordinary";

        Assert.Null(Type.GetType(Name));
        using (loader.EnterContextualReflection())
            Assert.NotNull(Type.GetType(Name));
    }

    [Fact]
    public void The_runtimes_assemblies_are_shared_even_where_a_copy_lies_beside_the_plugin()
    {
        _bed.InstallOrdinary();
        var assembly = _bed.AssemblyPath("fixture.ordinary");
        var json = typeof(System.Text.Json.JsonElement).Assembly;
        File.Copy(json.Location, Path.Combine(Path.GetDirectoryName(assembly)!, "System.Text.Json.dll"));
        using var loader = PluginLoader.FromAssembly(assembly, Shared, unloadable: true);

        Assert.Same(json, loader.LoadAssembly(new AssemblyName("System.Text.Json")));
    }

    [Fact]
    public void A_library_beside_the_plugin_is_its_own_even_where_the_host_has_it_too()
    {
        _bed.InstallOrdinary();
        var assembly = _bed.AssemblyPath("fixture.ordinary");
        var hosts = typeof(Assert).Assembly;
        File.Copy(hosts.Location, Path.Combine(Path.GetDirectoryName(assembly)!, Path.GetFileName(hosts.Location)));
        using var loader = PluginLoader.FromAssembly(assembly, Shared, unloadable: true);

        Assert.NotSame(hosts, loader.LoadAssembly(hosts.GetName()));
    }

    [Fact]
    public void A_newer_version_of_a_shared_assembly_is_an_error_and_never_a_private_copy()
    {
        using var loader = Load("PrivateContract");

        var error = Assert.ThrowsAny<IOException>(
            () => loader.LoadAssembly(new AssemblyName("BlockHost.Abstractions, Version=1.9.0.0")));
        Assert.Contains("BlockHost.Abstractions 1.9.0.0", error.ToString());
        Assert.Contains($"the host has {typeof(Plugin).Assembly.GetName().Version}", error.ToString());
    }

    /// <summary>
    /// Refused before anything of it is loaded; but were it not, the plugin would still get no second contract.
    /// </summary>
    [Fact]
    public void A_later_contract_beside_the_plugin_is_never_loaded()
    {
        using var loader = Load("PrivateContract");

        Assert.Same(typeof(Plugin), loader.LoadDefaultAssembly().GetType("Fixture.PrivateContractPlugin")!.BaseType);
    }

    [Fact]
    public void What_was_read_is_loaded_and_not_what_the_file_has_become()
    {
        _bed.InstallOrdinary();
        var assembly = _bed.AssemblyPath("fixture.ordinary");
        var image = PluginImage.Read(assembly);
        File.Copy(Fixtures.Assembly("DuplicateDriver"), assembly, overwrite: true);
        using var loader = PluginLoader.FromImage(image, Shared, unloadable: true);

        Assert.Equal("Fixture.Ordinary", loader.LoadDefaultAssembly().GetName().Name);
    }

    [Fact]
    public void A_private_list_wins_over_what_is_shared()
    {
        var image = PluginImage.Read(Fixtures.Assembly("PrivateContract"));
        using var loader = PluginLoader.FromImage(image, Shared, unloadable: true, privateAssemblies: ["BlockHost.Abstractions"]);

        Assert.Equal(new Version(1, 9, 0, 0), loader.LoadAssembly(new AssemblyName("BlockHost.Abstractions")).GetName().Version);
    }

    /// <summary>The host may itself live in a context that is not the default one.</summary>
    [Fact]
    public void Shared_types_come_from_the_context_the_contract_lives_in()
    {
        var context = new AssemblyLoadContext("a host inside a host", isCollectible: true);
        var contract = context.LoadFromAssemblyPath(typeof(Plugin).Assembly.Location);
        using var loader = PluginLoader.FromAssembly(
            Fixtures.Assembly("Ordinary"), [contract.GetType(typeof(Plugin).FullName!)!], unloadable: true);

        var entry = loader.LoadDefaultAssembly().GetType("Fixture.OrdinaryPlugin")!;

        Assert.NotSame(typeof(Plugin), entry.BaseType);
        Assert.Same(contract.GetType(typeof(Plugin).FullName!), entry.BaseType);
        context.Unload();
    }

    [Fact]
    public void A_stack_trace_through_a_plugin_has_line_numbers()
    {
        using var loader = Load("ThrowsInConstructor");
        var type = loader.LoadDefaultAssembly().GetType("Fixture.ThrowsInConstructorPlugin")!;

        var error = Assert.Throws<TargetInvocationException>(() => Activator.CreateInstance(type));

        Assert.Contains("ThrowsInConstructorPlugin.cs:line ", error.InnerException!.StackTrace);
    }

    [Fact]
    public async Task An_unloaded_plugin_is_proven_gone()
    {
        var proof = LoadAndUnload();

        for (var round = 0; round < 50 && !proof.IsCollected; round++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            await Task.Delay(20);
        }

        Assert.True(proof.IsCollected);
    }

    [Fact]
    public void After_unload_the_loader_refuses()
    {
        var loader = Load("Ordinary");
        loader.Unload();

        Assert.Throws<ObjectDisposedException>(loader.LoadDefaultAssembly);
        loader.Dispose();
    }

    [Fact]
    public void What_is_not_loaded_to_be_unloaded_is_not()
    {
        using var loader = PluginLoader.FromAssembly(Fixtures.Assembly("GreeterV1"), Shared, unloadable: false);

        Assert.False(loader.IsUnloadable);
        Assert.Throws<InvalidOperationException>(loader.Unload);
    }

    private static PluginLoader Load(string fixture) =>
        PluginLoader.FromAssembly(Fixtures.Assembly(fixture), Shared, unloadable: true);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static IUnloadProof LoadAndUnload()
    {
        var loader = Load("Ordinary");
        Activator.CreateInstance(loader.LoadDefaultAssembly().GetType("Fixture.OrdinaryPlugin")!);
        return loader.Unload();
    }
}
