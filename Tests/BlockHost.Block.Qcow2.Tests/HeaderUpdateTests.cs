// SPDX-License-Identifier: MIT
using System.Text;
using BlockHost.Block;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Block.Qcow2.Tests;

/// <summary>A header that is longer than a sector changes while the power can go at any moment.</summary>
public sealed class HeaderUpdateTests
{
    [Theory]
    [InlineData(1024, 66)]
    [InlineData(1024, 250)]
    [InlineData(4096, 400)]
    [InlineData(65536, 1000)]
    public async Task Before_every_write_there_is_the_old_header_or_the_new_one(int clusterSize, int nameBytes)
    {
        var image = await TestDisk.CreateAsync(1 << 20, $$"""{"cluster-size": {{clusterSize}}}""");
        var name = new string('n', nameBytes);
        var plain = await HeaderStore.LoadAsync(new MemoryChild(image), forCheck: false, default);
        await plain.UpdateAsync(plain.Current with { BackingFile = name });
        var seen = new List<string>();
        var child = new Watched(new MemoryChild(image), () => seen.Add(Read(image)));
        var store = await HeaderStore.LoadAsync(child, forCheck: false, default);
        seen.Clear();
        await store.UpdateAsync(store.Current.WithExtension(0x12345678, Encoding.ASCII.GetBytes("something new")));

        Assert.Equal($"{name} True", Read(image));
        Assert.All(seen, read => Assert.Contains(read, new[] { $"{name} False", $"{name} True" }));
        Assert.NotEmpty(seen);
    }

    private static string Read(MemoryImage image)
    {
        var header = HeaderParser.Parse(image.Read(0, (int)Math.Min(65536, image.Length)), forCheck: false);
        return $"{header.BackingFile} {header.Extension(0x12345678) is not null}";
    }

    private sealed class Watched(IBlockChild inner, Action look) : DelegatingChild(inner)
    {
        protected override ValueTask BeforeAsync(ChildOperation operation)
        {
            look();
            return default;
        }
    }
}
