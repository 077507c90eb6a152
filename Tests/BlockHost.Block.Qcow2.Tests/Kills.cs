// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Qcow2.Tests;

/// <summary>
/// Ends the program at every write and flush to its storage, and examines what is left: all that was written before, that
/// with the last write torn at its sectors, and, after a power cut, any part of what was not flushed. For work that has one
/// request under way at a time.
/// </summary>
internal sealed class Kills(MemoryImage storage, Func<MemoryImage, Task> examine, int seed)
{
    private const int Sector = 512;

    private readonly Random _random = new(seed);
    private MemoryImage? _before;
    private MemoryImage? _torn;
    private bool _examining;

    public int Count { get; private set; }

    public bool Armed { get; set; }

    public IBlockChild Wrap(IBlockChild inner) => new Probe(inner, this);

    private async ValueTask BeforeAsync(ChildOperation operation)
    {
        if (_examining || !Armed || !(operation.IsWrite || operation.Kind == ChildOperationKind.Flush)) return;
        _examining = true;
        _before = storage.Clone();
        await ExamineAsync(_torn);
        await ExamineAsync(_before.Clone());
        await ExamineAsync(storage.AfterPowerCut(_random));
        _torn = null;
        _examining = false;
    }

    /// <summary>Some sectors of a write are there, the others are as they were.</summary>
    private void Tear(ChildOperation operation)
    {
        if (_examining || !Armed || operation.Kind != ChildOperationKind.Write || _before is null) return;
        (_torn, _before) = (_before, null);
        for (var at = operation.Offset; at < operation.Offset + operation.Bytes; at += Sector)
        {
            if (_random.Next(2) == 0)
                _torn.Write(at, storage.Read(at, (int)Math.Min(Sector, operation.Offset + operation.Bytes - at)));
        }
    }

    private async Task ExamineAsync(MemoryImage? left)
    {
        if (left is null) return;
        Count++;
        await examine(left);
    }

    private sealed class Probe(IBlockChild inner, Kills kills) : DelegatingChild(inner)
    {
        protected override ValueTask BeforeAsync(ChildOperation operation) => kills.BeforeAsync(operation);

        protected override void After(ChildOperation operation) => kills.Tear(operation);
    }
}
