// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Block.Rbd.Tests.Cluster;

namespace BlockHost.Block.Rbd.Tests.RealCluster;

/// <summary>blockdev-create, encrypted images among them.</summary>
[Collection(CephCollection.Name)]
public sealed class CreationTests(CephCluster ceph)
{
    private static readonly byte[] Passphrase = "open, sesame"u8.ToArray();

    [SkippableFact]
    public async Task An_image_has_the_size_and_the_objects_that_were_asked_for()
    {
        ceph.Require();
        var image = ceph.NewName();

        await Client.CreateAsync($$"""{"location": {{ceph.Options(image)}}, "size": 10485760, "cluster-size": 65536}""");

        await using var node = await Client.OpenAsync(ceph.Options(image));
        var facts = await ((IImageInfo)node).GetFactsAsync(default);
        Assert.Equal((10 << 20, 65536), (node.Profile.Length, facts.ClusterSize));
        Assert.Contains("order 16", ceph.Rbd("info", image));
    }

    [SkippableFact]
    public async Task What_cannot_be_made_is_refused_in_QEMUs_words()
    {
        var image = ceph.NewImage("1M");
        async Task Fails(string message, string more, string location = "{}")
        {
            var options = $$"""{"location": {{ceph.Options(image, location)}}, "size": 1048576{{more}}}""";
            var error = await Assert.ThrowsAsync<BlockException>(
                () => Client.CreateAsync(options, Client.With("key", Passphrase)));
            Assert.Equal(message, error.Message);
        }

        await Fails("error rbd create: File exists", "");
        await Fails("obj size needs to be power of 2", """, "cluster-size": 5000""");
        await Fails("obj size too small", """, "cluster-size": 2048""");
        await Fails("Can't use snapshot name for image creation", "", """{"snapshot": "one"}""");
        await Fails(
            "unknown encryption algorithm: 1",
            """, "encrypt": {"format": "luks", "key-secret": "key", "cipher-alg": "aes-192"}""");
        await Fails("No secret with id 'none'", """, "encrypt": {"format": "luks", "key-secret": "none"}""");
    }

    /// <summary>LUKS2, whose keys take several times as long, is left to the tools' test.</summary>
    [SkippableFact]
    public async Task An_encrypted_image_is_read_with_its_key_alone()
    {
        const string format = "luks", cipher = "aes-128";
        ceph.Require();
        var (image, data) = (ceph.NewName(), Client.Noise(100_000));
        var host = Client.With("key", Passphrase);
        await Client.CreateAsync(
            $$"""
            {
                "location": {{ceph.Options(image)}}, "size": 8388608,
                "encrypt": {"format": "{{format}}", "key-secret": "key", "cipher-alg": "{{cipher}}"}
            }
            """,
            host);
        var options = ceph.Options(image, $$"""{"encrypt": {"format": "{{format}}", "key-secret": "key"} }""");
        await using (var node = await Client.OpenAsync(options, host))
        {
            Assert.Equal(8 << 20, node.Profile.Length);
            await node.WriteAsync(5000, data);
            await node.FlushAsync();
            await ((IResizable)node).ResizeAsync(12 << 20, default, default);
            Assert.Equal(data, await node.ReadAsync(5000, data.Length));
            await node.WriteAsync((12 << 20) - data.Length, data);
            await ((IResizable)node).ResizeAsync(11 << 20, default, default);
            Assert.Equal(11 << 20, node.Profile.Length);
            Assert.Equal(data, await node.ReadAsync(5000, data.Length));
            Assert.Equal("{}", (await ((IImageInfo)node).GetFactsAsync(default)).Specific?.GetRawText());
        }

        await using (var locked = await Client.OpenAsync(ceph.Options(image), readOnly: true))
        {
            Assert.Equal(
                $$"""{"encryption-format":"{{format}}"}""",
                (await ((IImageInfo)locked).GetFactsAsync(default)).Specific?.GetRawText());
            Assert.Equal(-1, ceph.Export(image).AsSpan().IndexOf(data.AsSpan(0, 64)));
        }

        var error = await Client.OpenErrorAsync(options, Client.With("key", "wrong"u8.ToArray()), readOnly: true);
        Assert.Equal("encryption load fail: Operation not permitted", error.Message);
    }
}
