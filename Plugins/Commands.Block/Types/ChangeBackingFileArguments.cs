// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Commands.Block.Types;

internal sealed record ChangeBackingFileArguments
{
    public required string Device { get; init; }

    public required string ImageNodeName { get; init; }

    public required string BackingFile { get; init; }
}
