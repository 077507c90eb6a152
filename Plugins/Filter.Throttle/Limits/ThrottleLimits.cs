// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Filter.Throttle.Limits;

/// <summary>QAPI ThrottleLimits. What is absent stays as it is; at first it is 0, no limit.</summary>
public sealed record ThrottleLimits
{
    public long? IopsTotal { get; init; }

    public long? IopsTotalMax { get; init; }

    public long? IopsTotalMaxLength { get; init; }

    public long? IopsRead { get; init; }

    public long? IopsReadMax { get; init; }

    public long? IopsReadMaxLength { get; init; }

    public long? IopsWrite { get; init; }

    public long? IopsWriteMax { get; init; }

    public long? IopsWriteMaxLength { get; init; }

    public long? BpsTotal { get; init; }

    public long? BpsTotalMax { get; init; }

    public long? BpsTotalMaxLength { get; init; }

    public long? BpsRead { get; init; }

    public long? BpsReadMax { get; init; }

    public long? BpsReadMaxLength { get; init; }

    public long? BpsWrite { get; init; }

    public long? BpsWriteMax { get; init; }

    public long? BpsWriteMaxLength { get; init; }

    public long? IopsSize { get; init; }

    /// <summary>Lengths of bursts, by the names of their members.</summary>
    internal IEnumerable<(string Name, long? Value)> Lengths() =>
    [
        ("bps-total-max-length", BpsTotalMaxLength),
        ("bps-read-max-length", BpsReadMaxLength),
        ("bps-write-max-length", BpsWriteMaxLength),
        ("iops-total-max-length", IopsTotalMaxLength),
        ("iops-read-max-length", IopsReadMaxLength),
        ("iops-write-max-length", IopsWriteMaxLength),
    ];

    internal IEnumerable<long?> Values() =>
    [
        BpsTotal, BpsTotalMax, BpsRead, BpsReadMax, BpsWrite, BpsWriteMax,
        IopsTotal, IopsTotalMax, IopsRead, IopsReadMax, IopsWrite, IopsWriteMax,
        IopsSize,
        .. Lengths().Select(length => length.Value),
    ];
}
