// SPDX-License-Identifier: MIT
using BlockHost.Tools.Differential.Tests.Sides;

namespace BlockHost.Sequences.Tests;

/// <summary>
/// A crash after any write to an image's storage: what is left is judged by our check and by QEMU's, and holds all that was
/// flushed. BLOCKHOST_PREFIXES is how many moments of a session to judge ("all": each; default: few enough for every day),
/// BLOCKHOST_PREFIXES_SEED the session.
/// </summary>
[Collection(InProcessTool.OneAtATime)]
public sealed class WriteLogTests
{
    private const int Default = 4;

    [SkippableTheory]
    [InlineData("qcow2", "cluster_size=4096,refcount_bits=16")]
    [InlineData("qcow2", "cluster_size=65536,extended_l2=on")]
    [InlineData("qcow2", "cluster_size=512,lazy_refcounts=on")]
    [InlineData("vdi", "")]
    [InlineData("vpc", "force_size=on")]
    [InlineData("vmdk", "")]
    [InlineData("luks", "key-secret=first,iter-time=1")]
    [InlineData("qcow2", "cluster_size=4096,encrypt.format=luks,encrypt.key-secret=first,encrypt.iter-time=1")]
    public void After_every_write_to_its_storage_an_image_is_sound(string format, string options)
    {
        Skip.IfNot(InstalledPrograms.Has("qemu-img"), "qemu-img is not installed");
        var seed = SearchSize.Of("BLOCKHOST_PREFIXES_SEED", 1);
        using var session = new WriteLogSession(format, options, seed);
        Assert.True(session.EndsAsItWas());

        foreach (var entries in Moments(session.Entries, seed))
        {
            if (session.Judge(entries) is { } failure)
                Assert.Fail($"{format} {options}, seed {seed}, after {entries} of {session.Entries} entries: {failure}");
        }
    }

    private static IEnumerable<int> Moments(int entries, int seed)
    {
        var moments = Enumerable.Range(0, entries + 1).ToArray();
        if (Environment.GetEnvironmentVariable("BLOCKHOST_PREFIXES") == "all")
            return moments;
        new Random(seed).Shuffle(moments);
        return moments.Take(SearchSize.Of("BLOCKHOST_PREFIXES", Default));
    }
}
