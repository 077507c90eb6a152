// SPDX-License-Identifier: MIT
using BlockHost.Block.Rbd.Tests.Cluster;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Rbd.Tests.RealCluster;

/// <summary>How a cluster, its pools and images are found, and by whose right; errors are in QEMU's words.</summary>
[Collection(CephCollection.Name)]
public sealed class OpeningTests(CephCluster ceph)
{
    [SkippableFact]
    public async Task What_is_not_there_is_named()
    {
        var image = ceph.NewImage("1M");
        async Task Fails(string message, string name, string more = "{}") =>
            Assert.Equal(message, (await Client.OpenErrorAsync(ceph.Options(name, more), readOnly: true)).Message);

        await Fails("error reading header from none: No such file or directory", "none");
        await Fails($"error reading header from {image}: No such file or directory", image, """{"snapshot": "none"}""");
        await Fails("error opening pool none: No such file or directory", image, """{"pool": "none"}""");
        await Fails("namespace 'none' does not exist", image, """{"namespace": "none"}""");
        await Fails("error reading conf file /none: No such file or directory", image, """{"conf": "/none"}""");
        await Fails("error connecting: Permission denied", image, """{"user": "nobody"}""");
        await Fails(
            "invalid conf option none: No such file or directory", image, """{"keyvalue-pairs": "[\"none\",\"1\"]"}""");
        await Fails(
            "conf option log-file is not taken from a file name, but from a configuration file", image,
            """{"keyvalue-pairs": "[\"log-file\",\"/tmp/x\"]"}""");
        await Fails("No secret with id 'none'", image, """{"key-secret": "none"}""");
        await Fails(
            "The options of Ceph's are no list of names and values", image, """{"keyvalue-pairs": "[\"key\"]"}""");
        await Fails("Parameter 'image' expects a name without zero bytes", image + "\0");
    }

    [SkippableFact]
    public async Task A_namespace_has_images_of_its_own()
    {
        ceph.Require();
        var name = ceph.NewName();
        ceph.Rbd("namespace", "create", $"rbd/{name}");
        ceph.Rbd("create", $"rbd/{name}/disk", "--size", "2M");

        await using var node = await Client.OpenAsync(ceph.Options("disk", $$"""{"namespace": "{{name}}"}"""));

        Assert.Equal(2 << 20, node.Profile.Length);
    }

    [SkippableFact]
    public async Task A_cluster_can_be_told_by_its_monitors_and_a_user_by_his_key()
    {
        var image = ceph.NewImage("1M");
        var key = Convert.FromBase64String(ceph.NewUser("one", "rbd"));
        var monitor = (await File.ReadAllLinesAsync(ceph.Configuration))
            .First(line => line.StartsWith("mon host", StringComparison.Ordinal)).Split(':')[^1];
        var bare = Path.Combine(ceph.Folder, "bare.conf");
        await File.WriteAllTextAsync(bare, "");
        var options = ceph.Options(image, $$"""
            {
                "conf": "{{bare}}", "user": "one", "key-secret": "key", "auth-client-required": ["cephx", "none"],
                "server": [{"host": "127.0.0.1", "port": "{{monitor}}"}]
            }
            """);

        await using var node = await Client.OpenAsync(options, Client.With("key", key));

        Assert.Equal(1 << 20, node.Profile.Length);
    }

    /// <summary>librados writes a key that it cannot read into its log, and on the standard error.</summary>
    [SkippableFact]
    public async Task A_secret_that_is_no_key_is_shown_nowhere()
    {
        var image = ceph.NewImage("1M");
        var log = Path.Combine(ceph.Folder, "client.log");
        var logging = Path.Combine(ceph.Folder, "logging.conf");
        await File.WriteAllTextAsync(
            logging, await File.ReadAllTextAsync(ceph.Configuration) + $"log file = {log}\nlog to file = true\n");
        var options = ceph.Options(image, $$"""{"conf": "{{logging}}", "key-secret": "key"}""");

        var error = await Client.OpenErrorAsync(options, Client.With("key", "opensesame"u8.ToArray()));

        Assert.Equal("error connecting: Invalid argument", error.Message);
        Assert.DoesNotContain("opensesame", error.ToString());
        Assert.DoesNotContain(Convert.ToBase64String("opensesame"u8), File.Exists(log) ? await File.ReadAllTextAsync(log) : "");
    }

    [SkippableFact]
    public async Task Who_may_only_read_opens_for_reading()
    {
        var image = ceph.NewImage("1M");
        var key = Convert.FromBase64String(ceph.NewUser("reader", "rbd-read-only"));
        var options = ceph.Options(image, """{"user": "reader", "key-secret": "key"}""");

        await using var node = await Client.OpenAsync(options, Client.With("key", key), readOnly: true);
        Assert.Equal(new byte[4096], await node.ReadAsync(0, 4096));
        var error = await Client.OpenErrorAsync(options, Client.With("key", key));

        Assert.Equal($"error reading header from {image}: Operation not permitted", error.Message);
        var writing = await Assert.ThrowsAsync<BlockException>(async () => await ((Facets.IReopenable)node).PrepareReopenAsync(
            new TestNodeContext(new TestPluginHost()), options, default));
        Assert.Equal("The user of the cluster may not write the image", writing.Message);
    }

    [SkippableFact]
    public async Task A_snapshot_is_for_reading_only()
    {
        var image = ceph.NewImage("1M");
        ceph.Rbd("snap", "create", "--no-progress", $"{image}@one");
        var options = ceph.Options(image, """{"snapshot": "one"}""");

        Assert.Equal("rbd snapshots are read-only", (await Client.OpenErrorAsync(options)).Message);
        var context = new TestNodeContext(new TestPluginHost()) { AutoReadOnly = true };
        await using var node = await Client.OpenAsync(context, options);

        Assert.Equal("rbd snapshots are read-only", context.ReadOnlyReason);
        Assert.False(node.Profile.Writable);
        var reopening = await Assert.ThrowsAsync<BlockException>(async () => await ((Facets.IReopenable)node).PrepareReopenAsync(
            new TestNodeContext(new TestPluginHost()), options, default));
        Assert.Equal("Cannot change node 'node0' to r/w when using RBD snapshot", reopening.Message);
    }
}
