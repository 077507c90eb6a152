// SPDX-License-Identifier: MIT
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Graph;

namespace BlockHost.Plugins.Commands.Block.Types;

/// <summary>QAPI struct BlockDirtyInfo. Count and granularity in bytes.</summary>
internal sealed record BlockDirtyInfo
{
    public string? Name { get; init; }

    public required long Count { get; init; }

    public required uint Granularity { get; init; }

    public required bool Recording { get; init; }

    public required bool Busy { get; init; }

    public required bool Persistent { get; init; }

    public bool? Inconsistent { get; init; }

    /// <summary>The bitmaps of a node; null where it has none.</summary>
    public static IReadOnlyList<BlockDirtyInfo>? ListOf(IGraphNode node) =>
        node.DirtyBitmaps.All is { Count: > 0 } bitmaps ? [.. bitmaps.Select(Of)] : null;

    private static BlockDirtyInfo Of(IDirtyBitmap bitmap) => new()
    {
        Name = bitmap.Name,
        Count = bitmap.DirtyBytes,
        Granularity = (uint)bitmap.Granularity,
        Recording = bitmap.IsRecording,
        Busy = bitmap.IsBusy,
        Persistent = bitmap.IsPersistent,
        Inconsistent = bitmap.IsInconsistent ? true : null,
    };
}
