// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Filter.Blkdebug.Rules;

/// <summary>What happens at an event while the node is in a state.</summary>
/// <param name="State">0: any.</param>
internal abstract record Rule(BlkdebugEvent Event, int State);

internal sealed record SetStateRule(BlkdebugEvent Event, int State, int NewState) : Rule(Event, State)
{
    public static SetStateRule From(BlkdebugSetStateOptions options) =>
        new(options.Event, unchecked((int)(options.State ?? 0)), unchecked((int)options.NewState));
}

/// <summary>Fails the requests that come after the event.</summary>
internal sealed record InjectRule(BlkdebugEvent Event, int State) : Rule(Event, State)
{
    private const int SectorSize = 512;
    private const int AnySector = -1;

    /// <summary>Null: all but block-status.</summary>
    public BlkdebugIOType? Type { get; init; }

    /// <summary>Null: any.</summary>
    public long? Offset { get; init; }

    /// <summary>0: the request is taken and goes on.</summary>
    public int Errno { get; init; } = BlockHost.Block.Errno.EIO;

    public bool IsOnce { get; init; }

    public bool IsImmediate { get; init; }

    public static InjectRule From(BlkdebugInjectErrorOptions options) => new(options.Event, unchecked((int)(options.State ?? 0)))
    {
        Type = options.Iotype,
        Offset = options.Sector is null or AnySector ? null : unchecked(options.Sector * SectorSize),
        Errno = unchecked((int)(options.Errno ?? BlockHost.Block.Errno.EIO)),
        IsOnce = options.Once ?? false,
        IsImmediate = options.Immediately ?? false,
    };

    /// <summary>A rule with a sector takes no request without a range: flushes.</summary>
    public bool Fits(BlkdebugIOType type, long offset, long bytes) =>
        (Offset is not { } at || (at >= offset && at - offset < bytes))
            && (Type is { } only ? only == type : type != BlkdebugIOType.BlockStatus);
}
