// SPDX-License-Identifier: MIT
using BlockHost.Qmp;

namespace BlockHost.Plugins.Filter.Throttle.Limits;

/// <summary>QAPI ThrottleGroupProperties: the limits together, or one by one for command lines.</summary>
public sealed record ThrottleGroupOptions
{
    public ThrottleLimits? Limits { get; init; }

    [QapiFeature("unstable")]
    public long? XIopsTotal { get; init; }

    [QapiFeature("unstable")]
    public long? XIopsTotalMax { get; init; }

    [QapiFeature("unstable")]
    public long? XIopsTotalMaxLength { get; init; }

    [QapiFeature("unstable")]
    public long? XIopsRead { get; init; }

    [QapiFeature("unstable")]
    public long? XIopsReadMax { get; init; }

    [QapiFeature("unstable")]
    public long? XIopsReadMaxLength { get; init; }

    [QapiFeature("unstable")]
    public long? XIopsWrite { get; init; }

    [QapiFeature("unstable")]
    public long? XIopsWriteMax { get; init; }

    [QapiFeature("unstable")]
    public long? XIopsWriteMaxLength { get; init; }

    [QapiFeature("unstable")]
    public long? XBpsTotal { get; init; }

    [QapiFeature("unstable")]
    public long? XBpsTotalMax { get; init; }

    [QapiFeature("unstable")]
    public long? XBpsTotalMaxLength { get; init; }

    [QapiFeature("unstable")]
    public long? XBpsRead { get; init; }

    [QapiFeature("unstable")]
    public long? XBpsReadMax { get; init; }

    [QapiFeature("unstable")]
    public long? XBpsReadMaxLength { get; init; }

    [QapiFeature("unstable")]
    public long? XBpsWrite { get; init; }

    [QapiFeature("unstable")]
    public long? XBpsWriteMax { get; init; }

    [QapiFeature("unstable")]
    public long? XBpsWriteMaxLength { get; init; }

    [QapiFeature("unstable")]
    public long? XIopsSize { get; init; }

    public static ThrottleGroupOptions Of(ThrottleLimits limits) => new()
    {
        Limits = limits,
        XIopsTotal = limits.IopsTotal,
        XIopsTotalMax = limits.IopsTotalMax,
        XIopsTotalMaxLength = limits.IopsTotalMaxLength,
        XIopsRead = limits.IopsRead,
        XIopsReadMax = limits.IopsReadMax,
        XIopsReadMaxLength = limits.IopsReadMaxLength,
        XIopsWrite = limits.IopsWrite,
        XIopsWriteMax = limits.IopsWriteMax,
        XIopsWriteMaxLength = limits.IopsWriteMaxLength,
        XBpsTotal = limits.BpsTotal,
        XBpsTotalMax = limits.BpsTotalMax,
        XBpsTotalMaxLength = limits.BpsTotalMaxLength,
        XBpsRead = limits.BpsRead,
        XBpsReadMax = limits.BpsReadMax,
        XBpsReadMaxLength = limits.BpsReadMaxLength,
        XBpsWrite = limits.BpsWrite,
        XBpsWriteMax = limits.BpsWriteMax,
        XBpsWriteMaxLength = limits.BpsWriteMaxLength,
        XIopsSize = limits.IopsSize,
    };

    /// <summary>Those that are given one by one.</summary>
    public ThrottleLimits Single() => new()
    {
        IopsTotal = XIopsTotal,
        IopsTotalMax = XIopsTotalMax,
        IopsTotalMaxLength = XIopsTotalMaxLength,
        IopsRead = XIopsRead,
        IopsReadMax = XIopsReadMax,
        IopsReadMaxLength = XIopsReadMaxLength,
        IopsWrite = XIopsWrite,
        IopsWriteMax = XIopsWriteMax,
        IopsWriteMaxLength = XIopsWriteMaxLength,
        BpsTotal = XBpsTotal,
        BpsTotalMax = XBpsTotalMax,
        BpsTotalMaxLength = XBpsTotalMaxLength,
        BpsRead = XBpsRead,
        BpsReadMax = XBpsReadMax,
        BpsReadMaxLength = XBpsReadMaxLength,
        BpsWrite = XBpsWrite,
        BpsWriteMax = XBpsWriteMax,
        BpsWriteMaxLength = XBpsWriteMaxLength,
        IopsSize = XIopsSize,
    };
}
