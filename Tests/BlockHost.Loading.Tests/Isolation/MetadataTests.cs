// SPDX-License-Identifier: MIT
using BlockHost.Core.Plugins;
using BlockHost.Loading.Tests.Support;
using BlockHost.Plugins;

namespace BlockHost.Loading.Tests.Isolation;

public sealed class MetadataTests : IDisposable
{
    private readonly PluginBed _bed = new();

    public void Dispose() => _bed.Dispose();

    [Fact]
    public void Entry_and_contract_are_read_from_metadata()
    {
        var metadata = Read(Fixtures.Assembly("Ordinary"));

        Assert.Equal("Fixture.OrdinaryPlugin", metadata.EntryType);
        Assert.Equal(ContractVersion.Host, metadata.Contract);
        Assert.Contains(metadata.References, reference => reference.Name == "BlockHost.Abstractions");
    }

    [Fact]
    public void The_contract_baked_into_a_plugin_is_told_apart_from_the_hosts() =>
        Assert.Equal(new ContractVersion(Contract.Major, Contract.Minor + 7), Read(Fixtures.Assembly("NewerContract")).Contract);

    [Fact]
    public void An_assembly_without_entry_is_no_plugin() =>
        Assert.Contains(
            "no attribute PluginEntry", Assert.Throws<PluginException>(() => Read(Fixtures.Assembly("GreeterV1"))).Message);

    [Fact]
    public void A_missing_file_is_named()
    {
        var path = Path.Combine(_bed.Root, "not-there.dll");

        Assert.Equal($"its assembly {path} is missing", Assert.Throws<PluginException>(() => PluginImage.Read(path)).Message);
    }

    [Fact]
    public void Bytes_that_are_no_assembly_are_named_as_corrupt()
    {
        var path = Path.Combine(_bed.Root, "junk.dll");
        File.WriteAllText(path, "this is no assembly, however long one looks at it");

        Assert.Contains("is corrupt", Assert.Throws<PluginException>(() => Read(path)).Message);
    }

    /// <summary>Truncation and flipped bytes, anywhere: a reason or a result, never another exception.</summary>
    [Fact]
    public void Damaged_assemblies_never_do_more_than_fail_with_a_reason()
    {
        var good = File.ReadAllBytes(Fixtures.Assembly("Ordinary"));
        var path = Path.Combine(_bed.Root, "damaged.dll");
        var random = new Random(20260);
        var refused = 0;
        for (var round = 0; round < 400; round++)
        {
            File.WriteAllBytes(path, Damage(good, random, round));
            if (Record.Exception(() => Read(path)) is { } error)
            {
                Assert.IsType<PluginException>(error);
                refused++;
            }
        }

        Assert.True(refused > 40, $"only {refused} of 400 damaged assemblies were refused");
    }

    private static byte[] Damage(byte[] good, Random random, int round)
    {
        if (round % 4 == 0)
            return good[..random.Next(1, good.Length)];
        var damaged = good.ToArray();
        for (var i = 0; i < 200; i++)
            damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
        return damaged;
    }

    private static PluginMetadata Read(string path) => PluginMetadataReader.Read(PluginImage.Read(path));
}
