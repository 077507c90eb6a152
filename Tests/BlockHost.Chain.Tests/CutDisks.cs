// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Chain.Tests;

/// <summary>What a power cut left of all disks at one moment.</summary>
internal sealed record Wreck(int Operation, IReadOnlyDictionary<string, MemoryImage> Disks);

/// <summary>
/// Disks in memory, by name. At every write and flush of any of them the power is cut for a copy of all: what was flushed
/// is there, and of the rest any part. Or one such operation fails.
/// </summary>
internal sealed class CutDisks(IReadOnlyDictionary<string, MemoryImage> disks, int seed = 0)
{
    private readonly Lock _lock = new();
    private readonly Random _random = new(seed);

    public IReadOnlyDictionary<string, MemoryImage> Disks { get; } = disks;

    /// <summary>Cuts the power at this part of the operations; 0: at none.</summary>
    public double CutRate { get; init; }

    /// <summary>The number of the operation that fails, counted from 1, and all after it; 0: none.</summary>
    public int FailFrom { get; init; }

    public int Operations { get; private set; }

    public List<Wreck> Wrecks { get; } = [];

    public MemoryImage Open(string name) => Disks.TryGetValue(name, out var disk)
        ? disk
        : throw new BlockException(BlockErrorKind.NotFound, $"Could not open '{name}': No such file or directory");

    /// <summary>One operation on one of the disks; one runs at a time, so that every cut shows one moment of all.</summary>
    public void Change(Action change)
    {
        lock (_lock)
        {
            Operations++;
            if (FailFrom > 0 && Operations >= FailFrom)
                throw new BlockException(BlockErrorKind.NoSpace, "The disk is full");
            if (_random.NextDouble() < CutRate)
                Wrecks.Add(new(Operations, Disks.ToDictionary(pair => pair.Key, pair => pair.Value.AfterPowerCut(_random))));
            change();
        }
    }
}
