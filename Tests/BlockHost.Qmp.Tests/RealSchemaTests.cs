// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Composition;
using BlockHost.Core.Composition;
using BlockHost.Core.Plugins;
using BlockHost.Core.Qapi;
using BlockHost.Plugins;
using BlockHost.Qmp.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace BlockHost.Qmp.Tests;

/// <summary>The schema of the shipped host and plugins beside that of the installed qemu-storage-daemon.</summary>
public class RealSchemaTests
{
    /// <summary>Where the two differ on purpose: beginnings of what <see cref="SchemaComparison"/> prints.</summary>
    private static readonly string[] Wanted =
    [
        // No intervals can be asked for, so that the list is empty.
        "query-blockstats:[].stats.timed_stats[]",
        // Encrypted qcow images are refused by name: any kind of encryption is taken to say so.
        "blockdev-add()<qcow>.encrypt",
        "blockdev-create().options<qcow>.encrypt",
        // The tools' backing_fmt, which an image has no room for.
        "blockdev-create().options<qcow>.backing-fmt: only here",
        // QEMU makes host devices and raw images only for tools.
        "blockdev-create().options<host_device>",
        "blockdev-create().options<host_cdrom>",
        // QEMU passes SCSI commands only for its devices.
        "blockdev-add()<host_device>.x-blockhost-scsi-commands: only here",
        "blockdev-add()<host_cdrom>.x-blockhost-scsi-commands: only here",
        "blockdev-create().options<raw>",
        // How often QEMU's curl driver tries again (never), over how many connections (8), and what it keeps (nothing).
        "blockdev-add()<http>.x-blockhost-",
        "blockdev-add()<https>.x-blockhost-",
        "blockdev-add()<ftp>.x-blockhost-",
        "blockdev-add()<ftps>.x-blockhost-",
        // QEMU's SSH driver has no other configuration than the user's, and one connection that does not come back.
        "blockdev-add()<ssh>.x-blockhost-",
        "blockdev-create().options<ssh>.location.x-blockhost-",
        // QEMU's iSCSI driver knows one portal, no target that proves itself, and waits for ever.
        "blockdev-add()<iscsi>.x-blockhost-",
        // QEMU's requests to Ceph wait for ever.
        "blockdev-add()<rbd>.x-blockhost-",
        "blockdev-create().options<rbd>.location.x-blockhost-",
        // QEMU's client has one connection.
        "blockdev-add()<nbd>.x-blockhost-connections: only here",
        // QEMU reads and makes no differencing images (nor redologs), and shows nothing under Parallels images by QMP.
        "blockdev-add()<bochs>.backing: only here",
        "blockdev-add()<parallels>.backing: only here",
        "blockdev-add()<vdi>.backing: only here",
        "blockdev-add()<vhdx>.backing: only here",
        "blockdev-add()<vpc>.backing: only here",
        "blockdev-create().options<vdi>.backing-",
        "blockdev-create().options<vhdx>.backing-",
        "blockdev-create().options<vpc>.backing-",
        // QEMU's requests wait for ever.
        "blockdev-add().x-blockhost-deadline: only here",
        // No consoles, spice, mice, braille and mux.
        "chardev-add().backend<",
        "chardev-change().backend<",
        // QEMU 10.0's.
        "blockdev-add().active: only here",
        "block-export-add().allow-inactive: only here",
        "query-named-block-nodes:[].active: only here",
        "query-named-block-nodes:[].encryption_key_missing: only here",
        "query-block:[].inserted.active: only here",
        "query-block:[].inserted.encryption_key_missing: only here",
        // QEMU 9.0's.
        "blockdev-add()<luks>.header: only here",
        "blockdev-create().options<luks>.header: only here",
        // QEMU 8.1's.
        "blockdev-add()<qcow2>.discard-no-unref: only here",
        // QEMU's bitmaps do not outlive a crash.
        "blockdev-add()<qcow2>.x-blockhost-bitmap-checkpoint: only here",
        // The server listens at several addresses here.
        "nbd-server-start().also: only here",
        // Not discouraged here: they do what block-export-add and -del do.
        "nbd-server-add: features 'deprecated' there",
        "nbd-server-remove: features 'deprecated' there",
    ];

    [SkippableFact]
    public async Task Commands_that_both_have_take_and_answer_the_same()
    {
        Skip.IfNot(InstalledPrograms.Has("qemu-storage-daemon"), "qemu-storage-daemon is not installed");
        var ours = new SchemaView(await OurSchemaAsync());
        var theirs = new SchemaView(await StorageDaemon.QuerySchemaAsync());

        var differences = SchemaComparison.Compare(theirs, ours)
            .Where(difference => !Wanted.Any(wanted => difference.StartsWith(wanted, StringComparison.Ordinal)))
            .ToList();

        Assert.True(differences.Count == 0, string.Join('\n', differences));
    }

    private static async Task<List<JsonElement>> OurSchemaAsync()
    {
        var services = new ServiceCollection();
        services.AddBlockHostCore();
        services.AddBlockHostMonitors();
        services.AddSingleton(
            provider => new PluginManager(new PluginManagerOptions { Host = provider.GetRequiredService<IPluginHost> }));
        await using var provider = services.BuildServiceProvider();
        var plugins = provider.GetRequiredService<PluginManager>();
        plugins.AddHost(registry => MonitorComposition.RegisterHost(provider, registry));
        plugins.AddHost(registry => CoreServices.RegisterHost(provider, registry));
        foreach (var plugin in LinkedPlugins.All())
            await plugins.AddLinkedAsync(plugin.Id, plugin.Create(), CancellationToken.None);
        var schema = await provider.GetRequiredService<QapiIntrospection>().BuildAsync(CancellationToken.None);
        return [.. JsonSerializer.SerializeToElement(schema, TestSchemaJson.Default.IReadOnlyListSchemaInfo).EnumerateArray()];
    }
}
