// SPDX-License-Identifier: MIT
using BlockHost.Qmp;

namespace BlockHost.Plugins.Filter.Throttle.Limits;

internal enum Direction
{
    Read = 0,
    Write = 1,
}

/// <summary>All limits of a group, checked.</summary>
/// <param name="IopsSize">Larger requests count as several of this size; 0: as one.</param>
internal sealed record ThrottleSettings(Rates Bytes, Rates Requests, long IopsSize)
{
    public static ThrottleSettings None { get; } = new(Rates.None, Rates.None, 0);

    public bool Limits(Direction direction) => Bytes.Limits(direction) || Requests.Limits(direction);

    /// <summary>These settings with what is given in their place.</summary>
    public ThrottleSettings With(ThrottleLimits limits) => new(
        new(
            Changed(Bytes.Total, limits.BpsTotal, limits.BpsTotalMax, limits.BpsTotalMaxLength),
            Changed(Bytes.Read, limits.BpsRead, limits.BpsReadMax, limits.BpsReadMaxLength),
            Changed(Bytes.Write, limits.BpsWrite, limits.BpsWriteMax, limits.BpsWriteMaxLength)),
        new(
            Changed(Requests.Total, limits.IopsTotal, limits.IopsTotalMax, limits.IopsTotalMaxLength),
            Changed(Requests.Read, limits.IopsRead, limits.IopsReadMax, limits.IopsReadMaxLength),
            Changed(Requests.Write, limits.IopsWrite, limits.IopsWriteMax, limits.IopsWriteMaxLength)),
        limits.IopsSize ?? IopsSize);

    /// <exception cref="QmpException">They make no sense together; the text is QEMU's.</exception>
    public ThrottleSettings Checked()
    {
        if (new[] { Bytes, Requests }.Any(rates => rates.Mixes(rate => rate.Average) || rates.Mixes(rate => rate.Max)))
            throw new QmpException("bps/iops/max total values and read/write values cannot be used at the same time");
        if (IopsSize != 0 && Requests.All.All(rate => rate.Average == 0))
            throw new QmpException("iops size requires an iops value to be set");
        foreach (var rate in Bytes.All.Concat(Requests.All))
            rate.Check();
        return this;
    }

    public ThrottleLimits ToLimits() => new()
    {
        IopsTotal = Requests.Total.Average,
        IopsTotalMax = Requests.Total.Max,
        IopsTotalMaxLength = Requests.Total.BurstLength,
        IopsRead = Requests.Read.Average,
        IopsReadMax = Requests.Read.Max,
        IopsReadMaxLength = Requests.Read.BurstLength,
        IopsWrite = Requests.Write.Average,
        IopsWriteMax = Requests.Write.Max,
        IopsWriteMaxLength = Requests.Write.BurstLength,
        BpsTotal = Bytes.Total.Average,
        BpsTotalMax = Bytes.Total.Max,
        BpsTotalMaxLength = Bytes.Total.BurstLength,
        BpsRead = Bytes.Read.Average,
        BpsReadMax = Bytes.Read.Max,
        BpsReadMaxLength = Bytes.Read.BurstLength,
        BpsWrite = Bytes.Write.Average,
        BpsWriteMax = Bytes.Write.Max,
        BpsWriteMaxLength = Bytes.Write.BurstLength,
        IopsSize = IopsSize,
    };

    private static Rate Changed(Rate rate, long? average, long? max, long? length) =>
        new(average ?? rate.Average, max ?? rate.Max, length ?? rate.BurstLength);
}
