// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Formats.Testing;

/// <summary>
/// The power fails before every write and flush of what is done through a child, and any part of what was not flushed is lost.
/// </summary>
/// <param name="examine">Looks at what could be left.</param>
public sealed class PowerCuts(Func<MemoryImage, Task> examine)
{
    private readonly Random _random = new(1);
    private bool _isExamining;

    public int Count { get; private set; }

    /// <summary>What was flushed, as far as no test writes to it afterwards.</summary>
    public byte[] Flushed { get; set; } = [];

    public MemoryImage Storage { get; private set; } = new();

    /// <summary>Begins with what an image holds now.</summary>
    public IBlockChild Watch(MemoryImage image) => Watch(image, new MemoryChild(image));

    public IBlockChild Watch(MemoryImage image, IBlockChild child)
    {
        Storage = image;
        image.TrackDurability = true;
        return new Cutter(child, this);
    }

    /// <summary>What was flushed and not written since: all other bytes were zero, and are so or new.</summary>
    public void AssertHolds(ReadOnlySpan<byte> content)
    {
        var common = Math.Min(Flushed.Length, content.Length);
        for (var at = 0; at < common; at++)
        {
            at += content[at..common].CommonPrefixLength(Flushed.AsSpan(at, common - at));
            if (at < common && Flushed[at] != 0)
                Assert.Fail($"At {at} is {content[at]}, and {Flushed[at]} was flushed");
        }
    }

    private async ValueTask CutAsync()
    {
        if (_isExamining)
            return;
        _isExamining = true;
        Count++;
        await examine(Storage.AfterPowerCut(_random));
        _isExamining = false;
    }

    private sealed class Cutter(IBlockChild inner, PowerCuts cuts) : DelegatingChild(inner)
    {
        protected override async ValueTask BeforeAsync(ChildOperation operation)
        {
            if (operation.IsWrite || operation.Kind == ChildOperationKind.Flush)
                await cuts.CutAsync();
        }
    }
}
