// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Commands.Block.Types;

internal sealed record NamedBlockNodesArguments
{
    public bool? Flat { get; init; }
}

internal sealed record BlockStatsArguments
{
    public bool? QueryNodes { get; init; }
}
