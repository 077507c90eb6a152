// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Commands.Migration.Types;

internal sealed record MigrateArguments
{
    public required string Uri { get; init; }

    /// <summary>Disks are mirrored instead: refused, as by a QEMU without it.</summary>
    public bool? Blk { get; init; }

    public bool? Inc { get; init; }

    /// <summary>Accepted: it is always so.</summary>
    public bool? Detach { get; init; }

    public bool? Resume { get; init; }
}

internal sealed record UriArguments
{
    public required string Uri { get; init; }
}

internal sealed record ContinueArguments
{
    public required MigrationStatus State { get; init; }
}
