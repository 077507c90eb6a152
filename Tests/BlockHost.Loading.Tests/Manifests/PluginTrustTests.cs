// SPDX-License-Identifier: MIT
using BlockHost.Core.Files;
using BlockHost.Core.Plugins;
using BlockHost.Loading.Tests.Support;
using BlockHost.Plugins;

namespace BlockHost.Loading.Tests.Manifests;

/// <summary>Code is taken only from the host's folders, and only where nobody else could have put it.</summary>
public sealed class PluginTrustTests : IDisposable
{
    private const string Id = "fixture.greeter1";

    private readonly PluginBed _bed = new PluginBed().Install("UsesGreeterV1", Id, "events:GREETING_OF_VERSION_1");

    public void Dispose() => _bed.Dispose();

    public static TheoryData<string> Parts =>
    [
        $"plugins/{Id}", $"plugins/{Id}/{Path.GetFileName(Fixtures.Assembly("UsesGreeterV1"))}", $"plugins/{Id}/Greeter.dll", $"plugin-manifests/{Id}.json",
        "plugins", "plugin-manifests", ".",
    ];

    [Theory]
    [MemberData(nameof(Parts))]
    public async Task A_plugin_is_refused_where_others_can_write_any_part_of_it(string part)
    {
        var path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(part, _bed.Root));
        Assert.True(Path.Exists(path), path);
        File.SetUnixFileMode(path, File.GetUnixFileMode(path) | UnixFileMode.OtherWrite);

        var manager = _bed.CreateManager();
        var error = await Assert.ThrowsAsync<PluginException>(async () => await manager.LoadAsync(Id, CancellationToken.None));

        Assert.Contains($" {path} can be written by other users (mode 0", error.Message);
    }

    [Fact]
    public async Task A_link_is_followed_and_what_it_leads_through_is_looked_at()
    {
        var open = Directory.CreateDirectory(Path.Combine(_bed.Root, "open")).FullName;
        Directory.Move(Path.Combine(_bed.PluginFolder, Id), Path.Combine(open, Id));
        Directory.CreateSymbolicLink(Path.Combine(_bed.PluginFolder, Id), $"../open/./../open/{Id}");
        Assert.Equal(PluginState.Loaded, (await _bed.CreateManager().LoadAsync(Id, CancellationToken.None)).State);

        File.SetUnixFileMode(open, File.GetUnixFileMode(open) | UnixFileMode.OtherWrite);
        var error = await Assert.ThrowsAsync<PluginException>(
            async () => await _bed.CreateManager().LoadAsync(Id, CancellationToken.None));

        Assert.Contains($"the folder {open} can be written by other users (mode 0757)", error.Message);
    }

    [Fact]
    public async Task A_manifest_outside_the_hosts_folders_is_refused_and_no_link_changes_that()
    {
        using var elsewhere = new PluginBed();
        elsewhere.InstallOrdinary();
        var link = Path.Combine(_bed.PluginFolder, "fixture.ordinary.json");
        File.CreateSymbolicLink(link, elsewhere.ManifestPath("fixture.ordinary"));
        var manager = _bed.CreateManager();

        foreach (var path in new[] { elsewhere.ManifestPath("fixture.ordinary"), link })
        {
            var error = await Assert.ThrowsAsync<PluginException>(
                async () => await manager.LoadManifestAsync(path, CancellationToken.None));
            Assert.Contains(
                $"is in {elsewhere.ManifestFolder}, which is none of the host's folders of plugins ({_bed.ManifestFolder}, {_bed.PluginFolder})",
                error.Message);
        }
    }

    [Fact]
    public void Files_of_users_who_are_not_trusted_are_refused()
    {
        var (_, objection) = new TrustedPath([uint.MaxValue - 1]).Follow(_bed.PluginFolder);

        Assert.StartsWith("the folder / belongs to another user (number ", objection);
    }

    [Fact]
    public void A_loop_of_links_ends()
    {
        var link = Path.Combine(_bed.Root, "loop");
        File.CreateSymbolicLink(link, "loop");

        Assert.Equal($"{link} is one of too many symbolic links", new TrustedPath().Follow(link).Objection);
    }

    [Fact]
    public void A_folder_that_is_missing_or_open_ends_the_start_and_is_named()
    {
        var missing = Path.Combine(_bed.Root, "none");
        Assert.Equal(
            $"There is no folder of manifests '{missing}' (--manifests, or BLOCKHOST_MANIFESTS)",
            Assert.Throws<PluginException>(() => PluginLocations.From([missing], [])).Message);
        Assert.Equal(
            $"There is no folder of plugins '{missing}' (--plugin-path, or BLOCKHOST_PLUGIN_PATH)",
            Assert.Throws<PluginException>(() => PluginLocations.From([], [missing])).Message);

        File.SetUnixFileMode(_bed.PluginFolder, (UnixFileMode)0b111_111_111 | UnixFileMode.StickyBit);
        Assert.Equal(
            $"No plugins are taken from {_bed.PluginFolder}: the folder {_bed.PluginFolder} can be written by other users (mode 0777)",
            Assert.Throws<PluginException>(() => PluginLocations.From([], [_bed.PluginFolder])).Message);
    }

    [Fact]
    public void Given_folders_come_before_those_of_the_program_and_leave_them_there()
    {
        var standard = PluginLocations.Default();

        var locations = PluginLocations.From([_bed.ManifestFolder], [_bed.PluginFolder]);

        Assert.Equal([_bed.ManifestFolder, .. standard.ManifestFolders], locations.ManifestFolders);
        Assert.Equal([_bed.PluginFolder, .. standard.PluginFolders], locations.PluginFolders);
    }

    [Fact]
    public void What_a_build_puts_beside_an_assembly_is_no_manifest()
    {
        File.WriteAllText(Path.Combine(_bed.ManifestFolder, "Other.deps.json"), "{}");
        File.WriteAllText(Path.Combine(_bed.ManifestFolder, "Other.runtimeconfig.json"), "{}");

        Assert.Equal([Id], _bed.CreateManager().List().Select(plugin => plugin.Id));
    }

    [Fact]
    public async Task Loading_a_loaded_plugin_whose_files_are_new_says_how_to_get_the_new_code()
    {
        var manager = _bed.InstallOrdinary().CreateManager();
        await manager.LoadAsync(Id, CancellationToken.None);
        Assert.Equal(PluginState.Loaded, (await manager.LoadAsync(Id, CancellationToken.None)).State);

        var assembly = _bed.AssemblyPath(Id);
        await File.AppendAllTextAsync(assembly, " ");
        _bed.EditManifest(Id, manifest => (manifest["sha256"], manifest["version"]) = (PluginBed.Sha256(assembly), "1.0.1"));
        var error = await Assert.ThrowsAsync<PluginException>(async () => await manager.LoadAsync(Id, CancellationToken.None));
        Assert.Equal(
            $"Plugin '{Id}' is loaded, and {assembly} has changed since: plugin-unload it first, then plugin-load takes the new code",
            error.Message);

        await manager.UnloadAsync(Id, TimeSpan.FromSeconds(20), CancellationToken.None);
        var reloaded = await manager.LoadAsync(Id, CancellationToken.None);
        Assert.Equal((PluginState.Loaded, "1.0.1"), (reloaded.State, reloaded.Version));
    }
}
