// SPDX-License-Identifier: MIT
using BlockHost.Block.Graph;

namespace BlockHost.Plugins.Commands.Block.Types;

internal sealed record SnapshotSyncArguments
{
    public string? Device { get; init; }

    public string? NodeName { get; init; }

    public required string SnapshotFile { get; init; }

    public string? SnapshotNodeName { get; init; }

    public string? Format { get; init; }

    public NewImageMode? Mode { get; init; }
}

internal sealed record SnapshotArguments
{
    public required string Node { get; init; }

    public required string Overlay { get; init; }
}
