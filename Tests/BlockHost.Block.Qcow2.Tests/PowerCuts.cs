// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Qcow2.Tests;

/// <summary>
/// Cuts the power at every write and flush of an operation that must not change the content, each time losing some of
/// what was not flushed, and examines what is left.
/// </summary>
internal sealed class PowerCuts(MemoryImage storage, Func<TestDisk, Task> examine, int seed = 1)
{
    private readonly Random _random = new(seed);
    private bool _examining;

    public int Cuts { get; private set; }

    public bool Armed { get; set; }

    public IBlockChild Wrap(IBlockChild inner) => new Probe(inner, this);

    /// <summary>Content as expected and no corruption.</summary>
    public static Func<TestDisk, Task> SameContent(byte[] content) => async disk =>
    {
        var result = await disk.CheckAsync();
        Assert.True(result is { Corruptions: 0, CheckErrors: 0 }, string.Join('\n', result.Messages));
        Assert.Equal(content, await disk.ReadAsync(0, content.Length));
    };

    private async ValueTask CutAsync()
    {
        if (_examining || !Armed) return;
        _examining = true;
        Cuts++;
        await using (var disk = await TestDisk.OpenAsync(storage.AfterPowerCut(_random), readOnly: true))
            await examine(disk);
        _examining = false;
    }

    private sealed class Probe(IBlockChild inner, PowerCuts cuts) : DelegatingChild(inner)
    {
        protected override async ValueTask BeforeAsync(ChildOperation operation)
        {
            if (operation.IsWrite || operation.Kind == ChildOperationKind.Flush) await cuts.CutAsync();
        }
    }
}
