// SPDX-License-Identifier: MIT
using BlockHost.Qmp;

namespace BlockHost.Plugins.Filter.Throttle.Limits;

/// <summary>One limit.</summary>
/// <param name="Average">Units a second; 0: no limit.</param>
/// <param name="Max">Units a second in bursts; 0: none beyond a tenth of a second's worth.</param>
/// <param name="BurstLength">Seconds that a burst may go on.</param>
internal readonly record struct Rate(long Average, long Max, long BurstLength)
{
    public const long Largest = 1_000_000_000_000_000;

    public static Rate None { get; } = new(0, 0, 1);

    public bool IsLimit => Average > 0;

    /// <exception cref="QmpException">The numbers make no sense; the text is QEMU's.</exception>
    public void Check()
    {
        if (Average is < 0 or > Largest || Max is < 0 or > Largest)
            throw new QmpException($"bps/iops/max values must be within [0, {Largest}]");
        if (BurstLength == 0)
            throw new QmpException("the burst length cannot be 0");
        if (BurstLength > 1 && Max == 0)
            throw new QmpException("burst length set without burst rate");
        if (Max > 0 && BurstLength > Largest / Max)
            throw new QmpException("burst length too high for this burst rate");
        if (Max > 0 && Average == 0)
            throw new QmpException("bps_max/iops_max require corresponding bps/iops values");
        if (Max > 0 && Max < Average)
            throw new QmpException("bps_max/iops_max cannot be lower than bps/iops");
    }
}

/// <summary>The limits of one unit: both directions together, or each for itself.</summary>
internal readonly record struct Rates(Rate Total, Rate Read, Rate Write)
{
    public static Rates None { get; } = new(Rate.None, Rate.None, Rate.None);

    public IEnumerable<Rate> All => [Total, Read, Write];

    public bool Mixes(Func<Rate, long> value) => value(Total) != 0 && (value(Read) != 0 || value(Write) != 0);

    public bool Limits(Direction direction) => Total.IsLimit || (direction == Direction.Read ? Read : Write).IsLimit;
}
