// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;

namespace BlockHost.Plugins.Commands.Block.Types;

/// <summary>QAPI struct BlockdevSnapshotInternal.</summary>
internal sealed record InternalSnapshotArguments
{
    /// <summary>Device or node name.</summary>
    public required string Device { get; init; }

    public required string Name { get; init; }
}

internal sealed record InternalSnapshotDeleteArguments
{
    /// <summary>Device or node name.</summary>
    public required string Device { get; init; }

    public string? Id { get; init; }

    public string? Name { get; init; }

    public bool Means(SnapshotRecord snapshot) => (Id is null || snapshot.Id == Id) && (Name is null || snapshot.Name == Name);
}
