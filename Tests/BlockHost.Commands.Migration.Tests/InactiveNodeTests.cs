// SPDX-License-Identifier: MIT
using System.Text.RegularExpressions;

namespace BlockHost.Commands.Migration.Tests;

/// <summary>What is refused of an inactive node, in the words of QEMU 10's tests of them.</summary>
public sealed partial class InactiveNodeTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("bh").FullName;
    private MigrationHost _host = null!;

    public async Task InitializeAsync()
    {
        _host = await MigrationHost.StartAsync();
        foreach (var disk in (string[])["disk", "snap", "target"])
            await CreateAsync(disk);
        await AddAsync("disk", "");
        await AddAsync("target", "");
    }

    public async Task DisposeAsync()
    {
        await _host.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task An_export_makes_its_node_active_and_keeps_it_so_unless_it_allows_the_other()
    {
        await _host.RunAsync(
            "nbd-server-start", $$"""{"addr":{"type":"unix","data":{"path":"{{_folder}}/nbd"} } }""");
        await SetActiveAsync("disk", false);
        await ExportAsync("disk", allowInactive: false);
        Assert.True(IsActive("disk"));
        Assert.Equal(
            "Failed to inactivate node: Operation not permitted",
            await _host.FailAsync("blockdev-set-active", """{"node-name":"disk","active":false}"""));
        await SetActiveAsync("target", false);
        await ExportAsync("target", allowInactive: true);
        Assert.False(IsActive("target"));
        await SetActiveAsync("target", true);
        await SetActiveAsync("target", false);
        Assert.False(IsActive("target"));
    }

    [Fact]
    public async Task Jobs_do_not_begin_with_an_inactive_node()
    {
        await AddAsync("snap", ""","backing":"disk" """);
        await SetActiveAsync("snap", false);

        Assert.Equal(
            "Could not create node: Inactive 'snap' can't be a file child of active 'NODE_NAME'",
            await RefusalAsync("block-stream", """{"device":"snap","job-id":"j"}"""));
        Assert.Equal(
            "Inactive 'snap' can't be a backing child of active 'NODE_NAME'",
            await RefusalAsync("block-commit", """{"device":"snap","job-id":"j"}"""));
        Assert.Equal(
            "Inactive 'snap' can't be a backing child of active 'NODE_NAME'",
            await RefusalAsync("blockdev-mirror", """{"device":"snap","job-id":"j","target":"target","sync":"full"}"""));
        Assert.Equal(
            "Could not create node: Inactive 'snap' can't be a file child of active 'NODE_NAME'",
            await RefusalAsync("blockdev-backup", """{"device":"snap","job-id":"j","target":"target","sync":"full"}"""));
        await SetActiveAsync("snap", true);
        await SetActiveAsync("target", false);
        Assert.Equal(
            "Permission 'write' unavailable on inactive node",
            await RefusalAsync("blockdev-mirror", """{"device":"snap","job-id":"j","target":"target","sync":"full"}"""));
        Assert.Equal(
            "Could not create node: Inactive 'target' can't be a target child of active 'NODE_NAME'",
            await RefusalAsync("blockdev-backup", """{"device":"snap","job-id":"j","target":"target","sync":"full"}"""));
        Assert.Equal("[]", (await _host.RunAsync("query-jobs")).ToJsonString());
    }

    [Fact]
    public async Task A_snapshot_of_an_inactive_node_makes_the_overlay_inactive()
    {
        await SetActiveAsync("disk", false);
        await AddAsync("snap", ""","backing":null """);
        await _host.RunAsync("blockdev-snapshot", """{"node":"disk","overlay":"snap"}""");
        Assert.False(IsActive("snap"));
        await _host.RunAsync("cont");
        Assert.False(IsActive("snap"));
        await _host.RunAsync("stop");
        await _host.RunAsync("cont");
        Assert.True(IsActive("snap"));
        Assert.True(IsActive("disk"));
    }

    [Fact]
    public async Task What_cannot_be_found_or_has_an_active_parent_is_refused()
    {
        Assert.Equal(
            "Failed to find node with node-name='none'",
            await _host.FailAsync("blockdev-set-active", """{"node-name":"none","active":false}"""));
        Assert.Equal(
            "Node has active parent node",
            await _host.FailAsync("blockdev-set-active", """{"node-name":"disk-file","active":false}"""));
        await SetActiveAsync("disk", false);
        Assert.Equal(
            "Permission 'resize' unavailable on inactive node",
            await _host.FailAsync("block_resize", """{"node-name":"disk","size":2097152}"""));
        var shown = (await _host.RunAsync("query-named-block-nodes")).AsArray();
        Assert.Equal(2, shown.Count(node => !(bool)node!["active"]!));
    }

    private bool IsActive(string node) => _host.Host.Graph.Lookup(null, node).IsActive;

    private Task SetActiveAsync(string node, bool active) => _host.RunAsync(
        "blockdev-set-active", $$"""{"node-name":"{{node}}","active":{{(active ? "true" : "false")}} }""");

    private Task ExportAsync(string node, bool allowInactive) => _host.RunAsync(
        "block-export-add",
        $$"""{"type":"nbd","id":"{{node}}","node-name":"{{node}}","writable":true,"allow-inactive":{{(allowInactive ? "true" : "false")}} }""");

    private async Task<string> RefusalAsync(string command, string arguments) =>
        GeneratedName().Replace(await _host.FailAsync(command, arguments), "'NODE_NAME'");

    private Task AddAsync(string name, string more) => _host.RunAsync(
        "blockdev-add",
        $$"""{"driver":"qcow2","node-name":"{{name}}","file":{"driver":"file","node-name":"{{name}}-file","filename":"{{_folder}}/{{name}}"}{{more}} }""");

    private async Task CreateAsync(string name)
    {
        await using var file = File.Create(Path.Combine(_folder, name));
        await _host.RunAsync("blockdev-add", $$"""{"driver":"file","node-name":"f","filename":"{{_folder}}/{{name}}"}""");
        await _host.RunAsync("blockdev-create", """{"job-id":"c","options":{"driver":"qcow2","file":"f","size":1048576} }""");
        while ((string?)(await _host.RunAsync("query-jobs"))[0]!["status"] != "concluded")
            await Task.Delay(5);
        Assert.Null((await _host.RunAsync("query-jobs"))[0]!["error"]);
        await _host.RunAsync("job-dismiss", """{"id":"c"}""");
        await _host.RunAsync("blockdev-del", """{"node-name":"f"}""");
    }

    [GeneratedRegex("'#block[0-9]+'")]
    private static partial Regex GeneratedName();
}
