// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Commands.Block.Types;

internal sealed record BlockdevDelArguments
{
    public required string NodeName { get; init; }
}

internal sealed record BlockdevReopenArguments
{
    public required IReadOnlyList<BlockdevOptions> Options { get; init; }
}

internal sealed record BlockPasswdArguments
{
    public string? Device { get; init; }

    public string? NodeName { get; init; }

    public required string Password { get; init; }
}

internal sealed record BlockdevSetActiveArguments
{
    /// <summary>All nodes where it is left out.</summary>
    public string? NodeName { get; init; }

    public required bool Active { get; init; }
}

internal sealed record BlockResizeArguments
{
    public string? Device { get; init; }

    public string? NodeName { get; init; }

    /// <summary>New length in bytes.</summary>
    public required long Size { get; init; }
}

internal sealed record BlockdevChangeArguments
{
    public required string Parent { get; init; }

    /// <summary>Name of the child to take away, such as "children.1".</summary>
    public string? Child { get; init; }

    /// <summary>The node to add.</summary>
    public string? Node { get; init; }
}

internal sealed record WriteThresholdArguments
{
    public required string NodeName { get; init; }

    /// <summary>Offset in bytes; 0 switches the threshold off.</summary>
    public required ulong WriteThreshold { get; init; }
}
