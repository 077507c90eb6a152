// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Archipelago.Client;

/// <summary>Which volume, and where its peers are.</summary>
internal sealed record VolumeSettings
{
    public required string Folder { get; init; }

    public required string Segment { get; init; }

    public required byte[] Volume { get; init; }

    public required uint Mapper { get; init; }

    public required uint Composer { get; init; }

    public required TimeSpan Timeout { get; init; }
}
