// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Filter.Blkdebug;

/// <summary>Limits that the node claims to have; 0: the image's.</summary>
internal sealed record BlkdebugLimits
{
    private int Align { get; init; }

    private long MaxTransfer { get; init; }

    private long OptWriteZero { get; init; }

    private long MaxWriteZero { get; init; }

    private long OptDiscard { get; init; }

    private long MaxDiscard { get; init; }

    /// <exception cref="BlockException">One is no multiple of what it has to be a multiple of.</exception>
    public static BlkdebugLimits From(BlkdebugOptions options, int imageAlignment)
    {
        var given = options.Align ?? 0;
        if (given != 0 && (given is < 0 or >= int.MaxValue || !long.IsPow2(given)))
            throw CannotMeet("align", given);
        var align = Math.Max(given, imageAlignment);
        var optWriteZero = Multiple("opt-write-zero", options.OptWriteZero, align);
        var optDiscard = Multiple("opt-discard", options.OptDiscard, align);
        return new BlkdebugLimits
        {
            Align = (int)given,
            MaxTransfer = Multiple("max-transfer", options.MaxTransfer, align),
            OptWriteZero = optWriteZero,
            MaxWriteZero = Multiple("max-write-zero", options.MaxWriteZero, Math.Max(optWriteZero, align)),
            OptDiscard = optDiscard,
            MaxDiscard = Multiple("max-discard", options.MaxDiscard, Math.Max(optDiscard, align)),
        };
    }

    public BlockLimits Over(BlockLimits image) => image with
    {
        RequestAlignment = Align == 0 ? 1 : Align,
        MaxTransfer = MaxTransfer == 0 ? image.MaxTransfer : image.MaxTransfer == 0 ? MaxTransfer : Math.Min(
            MaxTransfer, image.MaxTransfer),
        WriteZeroesAlignment = OptWriteZero == 0 ? image.WriteZeroesAlignment : OptWriteZero,
        MaxWriteZeroes = MaxWriteZero == 0 ? image.MaxWriteZeroes : MaxWriteZero,
        DiscardAlignment = OptDiscard == 0 ? image.DiscardAlignment : OptDiscard,
        MaxDiscard = MaxDiscard == 0 ? image.MaxDiscard : MaxDiscard,
    };

    private static long Multiple(string option, long? given, long of)
    {
        var value = given ?? 0;
        return value is >= 0 and < int.MaxValue && value % of == 0 ? value : throw CannotMeet(option, value);
    }

    private static BlockException CannotMeet(string option, long value) =>
        new(BlockErrorKind.InvalidArgument, $"Cannot meet constraints with {option} {(ulong)value}");
}
