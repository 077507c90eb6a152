// SPDX-License-Identifier: MIT
namespace BlockHost.Block.Facets;

[Flags]
public enum CheckRepair
{
    None = 0,
    Leaks = 1,
    Errors = 2,
}

/// <summary>What a check found; null: the format cannot tell.</summary>
public sealed record ImageCheckResult
{
    public long CheckErrors { get; init; }

    public long Corruptions { get; init; }

    public long Leaks { get; init; }

    public long CorruptionsFixed { get; init; }

    public long LeaksFixed { get; init; }

    public long? ImageEndOffset { get; init; }

    public long? TotalClusters { get; init; }

    public long? AllocatedClusters { get; init; }

    public long? FragmentedClusters { get; init; }

    public long? CompressedClusters { get; init; }

    /// <summary>Not 0: the check could not go on (a positive errno), and the rest is what it found until then.</summary>
    public int Errno { get; init; }

    /// <summary>Why the check could not be done at all, where there is more to say than <see cref="Errno"/> does.</summary>
    public string? Failure { get; init; }

    /// <summary>One line a finding, as qemu-img prints them on standard error.</summary>
    public IReadOnlyList<string> Messages { get; init; } = [];
}

public interface IImageCheck
{
    ValueTask<ImageCheckResult> CheckAsync(CheckRepair repair, CancellationToken cancellationToken);
}
