// SPDX-License-Identifier: MIT
using System.Reflection;
using BlockHost.Architecture.Tests.Support;
using BlockHost.Core.Plugins;
using BlockHost.Loading;
using BlockHost.Plugins;

namespace BlockHost.Architecture.Tests;

/// <summary>
/// An arrow runs only downwards:
/// <code>
///   program ─► host libraries ─┬─► BlockHost.Posix ───┬─► Abstractions
///               plugins ─┬─────┼──► BlockHost.Nbd ────┤
///                        └───────► BlockHost.Copying ─┘
/// </code>
/// </summary>
public sealed class LayerTests
{
    private static readonly Dictionary<string, string[]> HostMayReferTo = new()
    {
        ["BlockHost.Core"] = ["BlockHost.Abstractions", "BlockHost.Posix"],
        ["BlockHost.Loading"] = ["BlockHost.Abstractions", "BlockHost.Core"],
    };

    private static readonly HashSet<string> PluginsMayReferTo = [
        "BlockHost.Abstractions", "BlockHost.Copying", "BlockHost.Crypto", "BlockHost.Formats",
        "BlockHost.Nbd", "BlockHost.Posix", "BlockHost.Remote", "BlockHost.Scsi", "BlockHost.Unpacking", "BlockHost.Virtio"];

    public static TheoryData<string> Plugins => [.. Repository.PluginProjects];

    [Fact]
    public void The_contract_refers_to_nothing_of_ours()
    {
        var contract = Repository.Projects("Abstractions")
            .Single(project => project.EndsWith("BlockHost.Abstractions.csproj", StringComparison.Ordinal));

        Assert.Empty(Repository.ProjectReferences(contract));
        Assert.Empty(OurReferences(typeof(Plugin).Assembly));
    }

    [Fact]
    public void What_stands_beside_the_contract_refers_to_the_contract_and_the_systems_calls_only()
    {
        var allowed = new HashSet<string> { "BlockHost.Abstractions", "BlockHost.Posix" };
        foreach (var project in Repository.Projects("Abstractions"))
            Assert.Subset(allowed, Repository.ProjectReferences(project).ToHashSet());
    }

    [Fact]
    public void Host_libraries_refer_only_downwards()
    {
        foreach (var (library, allowed) in HostMayReferTo)
        {
            var project = Repository.PathOf("Host", library, library + ".csproj");
            Assert.Subset(allowed.ToHashSet(), Repository.ProjectReferences(project).ToHashSet());
        }

        Assert.Subset(HostMayReferTo["BlockHost.Core"].ToHashSet(), OurReferences(typeof(PluginManager).Assembly).ToHashSet());
        Assert.Subset(HostMayReferTo["BlockHost.Loading"].ToHashSet(), OurReferences(typeof(PluginLoader).Assembly).ToHashSet());
    }

    /// <summary>The program that links plugins in is the one place where the host knows plugins.</summary>
    [Fact]
    public void The_host_refers_to_no_plugin()
    {
        foreach (var project in Repository.Projects("Host").Where(
            project => !project.EndsWith("BlockHost.Native.csproj", StringComparison.Ordinal)))
            Assert.DoesNotContain(Repository.ProjectReferences(project), Repository.PluginProjects.Contains);
    }

    [Theory]
    [MemberData(nameof(Plugins))]
    public void A_plugin_refers_to_the_contract_and_what_stands_beside_it(string plugin)
    {
        Assert.Subset(
            PluginsMayReferTo,
            Repository.ProjectReferences(Repository.PathOf("Plugins", plugin, plugin + ".csproj")).ToHashSet());
        var references = PluginMetadataReader.Read(PluginImage.Read(ShippedPlugins.Manifest(plugin).AssemblyPath)).References;
        Assert.Subset(PluginsMayReferTo, references.Select(reference => reference.Name!).Where(IsOurs).ToHashSet());
    }

    [Theory]
    [MemberData(nameof(Plugins))]
    public void A_plugin_ships_no_copy_of_the_contract(string plugin)
    {
        var folder = Path.GetDirectoryName(ShippedPlugins.Manifest(plugin).AssemblyPath)!;

        Assert.False(File.Exists(Path.Combine(folder, "BlockHost.Abstractions.dll")));
    }

    [Fact]
    public void The_contracts_assembly_version_is_the_contracts_version() =>
        Assert.Equal(new Version(Contract.Major, Contract.Minor, 0, 0), typeof(Plugin).Assembly.GetName().Version);

    private static IEnumerable<string> OurReferences(Assembly assembly) =>
        assembly.GetReferencedAssemblies().Select(reference => reference.Name!).Where(IsOurs);

    private static bool IsOurs(string name) => name == "BlockHost" || name.StartsWith("BlockHost.", StringComparison.Ordinal);
}
