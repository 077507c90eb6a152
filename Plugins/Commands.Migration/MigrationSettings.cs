// SPDX-License-Identifier: MIT
using System.Collections.Immutable;
using BlockHost.Plugins.Commands.Migration.Types;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Migration;

/// <summary>
/// Capabilities and parameters as they are set. What tunes the copying of memory is checked and kept as QEMU keeps it, and has
/// no effect, as there is none; what would promise another protocol is refused.
/// </summary>
internal sealed class MigrationSettings
{
    private static readonly ImmutableDictionary<MigrationCapability, string> Refused =
        new Dictionary<MigrationCapability, string>
        {
            [MigrationCapability.Block] = "QEMU compiled without old-style (blk/-b, inc/-i) block migration",
            [MigrationCapability.Colo] = "QEMU compiled without replication module can't enable COLO",
            [MigrationCapability.PostcopyRam] = "Postcopy is not supported: there is no memory that could follow later",
            [MigrationCapability.Multifd] = "Multifd is not supported: the stream has one channel",
            [MigrationCapability.BackgroundSnapshot] = "Background-snapshot is not supported by host kernel",
            [MigrationCapability.ZeroCopySend] = "Zero copy only available for non-compressed non-TLS multifd migration",
            [MigrationCapability.PostcopyPreempt] = "Postcopy preempt requires postcopy-ram",
        }.ToImmutableDictionary();

    private ImmutableHashSet<MigrationCapability> _capabilities = [];

    public static MigrationParameters Defaults { get; } = new()
    {
        AnnounceInitial = 50,
        AnnounceMax = 550,
        AnnounceRounds = 5,
        AnnounceStep = 100,
        CompressLevel = 1,
        CompressThreads = 8,
        CompressWaitThread = true,
        DecompressThreads = 2,
        ThrottleTriggerThreshold = 50,
        CpuThrottleInitial = 20,
        CpuThrottleIncrement = 10,
        CpuThrottleTailslow = false,
        TlsCreds = "",
        TlsHostname = "",
        TlsAuthz = "",
        MaxBandwidth = 128 << 20,
        DowntimeLimit = 300,
        CheckpointDelay = 20000,
        BlockIncremental = false,
        MultifdChannels = 2,
        XbzrleCacheSize = 64 << 20,
        MaxPostcopyBandwidth = 0,
        MaxCpuThrottle = 99,
        MultifdCompression = MultiFdCompression.None,
        MultifdZlibLevel = 1,
        MultifdZstdLevel = 1,
    };

    public MigrationParameters Parameters { get; private set; } = Defaults;

    public IReadOnlyList<MigrationCapabilityStatus> Capabilities =>
        [.. Enum.GetValues<MigrationCapability>().Select(
            capability => new MigrationCapabilityStatus { Capability = capability, State = Has(capability) })];

    public bool Has(MigrationCapability capability) => _capabilities.Contains(capability);

    /// <exception cref="QmpException">One of them cannot be; none is changed.</exception>
    public void Set(IReadOnlyList<MigrationCapabilityStatus> wanted)
    {
        var changed = _capabilities;
        foreach (var (capability, state) in wanted.Select(one => (one.Capability, one.State)))
        {
            if (state && Refused.TryGetValue(capability, out var refusal))
                throw new QmpException(refusal);
            changed = state ? changed.Add(capability) : changed.Remove(capability);
        }

        _capabilities = changed;
    }

    /// <exception cref="QmpException">One of them cannot be; none is changed.</exception>
    public void Set(MigrationParameters wanted)
    {
        Check("compress_level", wanted.CompressLevel, 0, 9, "a value between 0 and 9");
        Check("compress_threads", wanted.CompressThreads, 1, 255, "a value between 1 and 255");
        Check("decompress_threads", wanted.DecompressThreads, 1, 255, "a value between 1 and 255");
        const string percent = "an integer in the range of 1 to ";
        Check("throttle_trigger_threshold", wanted.ThrottleTriggerThreshold, 1, 100, percent + "100");
        Check("cpu_throttle_initial", wanted.CpuThrottleInitial, 1, 99, percent + "99");
        Check("cpu_throttle_increment", wanted.CpuThrottleIncrement, 1, 99, percent + "99");
        Check("downtime_limit", wanted.DowntimeLimit, 0, 2_000_000, "an integer in the range of 0 to (2000 * 1000) ms");
        Check("multifd_channels", wanted.MultifdChannels, 1, 255, "a value between 1 and 255");
        const string cache = "a power of two no less than the target page size";
        Check("xbzrle_cache_size", wanted.XbzrleCacheSize, 4096, 1UL << 62, cache);
        if (wanted.XbzrleCacheSize is { } size && !ulong.IsPow2(size))
            throw OutOfRange("xbzrle_cache_size", cache);
        Check(
            "max_cpu_throttle",
            wanted.MaxCpuThrottle,
            wanted.CpuThrottleInitial ?? Parameters.CpuThrottleInitial!.Value,
            99,
            "an integer in the range of cpu_throttle_initial to 99");
        Check("announce_initial", wanted.AnnounceInitial, 0, 100_000, "a value between 0 and 100000");
        Check("announce_max", wanted.AnnounceMax, 0, 100_000, "a value between 0 and 100000");
        Check("announce_rounds", wanted.AnnounceRounds, 0, 1000, "a value between 0 and 1000");
        Check("announce_step", wanted.AnnounceStep, 1, 10_000, "a value between 0 and 10000");
        if (wanted.BlockBitmapMapping is { } mapping)
            BitmapNames.Check(mapping);
        Parameters = Merge(Parameters, wanted);
    }

    private static void Check(string name, ulong? value, ulong least, ulong most, string wanted)
    {
        if (value < least || value > most)
            throw OutOfRange(name, wanted);
    }

    private static QmpException OutOfRange(string name, string wanted) => new($"Parameter '{name}' expects {wanted}");

    private static MigrationParameters Merge(MigrationParameters old, MigrationParameters wanted) => new()
    {
        AnnounceInitial = wanted.AnnounceInitial ?? old.AnnounceInitial,
        AnnounceMax = wanted.AnnounceMax ?? old.AnnounceMax,
        AnnounceRounds = wanted.AnnounceRounds ?? old.AnnounceRounds,
        AnnounceStep = wanted.AnnounceStep ?? old.AnnounceStep,
        CompressLevel = wanted.CompressLevel ?? old.CompressLevel,
        CompressThreads = wanted.CompressThreads ?? old.CompressThreads,
        CompressWaitThread = wanted.CompressWaitThread ?? old.CompressWaitThread,
        DecompressThreads = wanted.DecompressThreads ?? old.DecompressThreads,
        ThrottleTriggerThreshold = wanted.ThrottleTriggerThreshold ?? old.ThrottleTriggerThreshold,
        CpuThrottleInitial = wanted.CpuThrottleInitial ?? old.CpuThrottleInitial,
        CpuThrottleIncrement = wanted.CpuThrottleIncrement ?? old.CpuThrottleIncrement,
        CpuThrottleTailslow = wanted.CpuThrottleTailslow ?? old.CpuThrottleTailslow,
        TlsCreds = wanted.TlsCreds ?? old.TlsCreds,
        TlsHostname = wanted.TlsHostname ?? old.TlsHostname,
        TlsAuthz = wanted.TlsAuthz ?? old.TlsAuthz,
        MaxBandwidth = wanted.MaxBandwidth ?? old.MaxBandwidth,
        DowntimeLimit = wanted.DowntimeLimit ?? old.DowntimeLimit,
        CheckpointDelay = wanted.CheckpointDelay ?? old.CheckpointDelay,
        BlockIncremental = wanted.BlockIncremental ?? old.BlockIncremental,
        MultifdChannels = wanted.MultifdChannels ?? old.MultifdChannels,
        XbzrleCacheSize = wanted.XbzrleCacheSize ?? old.XbzrleCacheSize,
        MaxPostcopyBandwidth = wanted.MaxPostcopyBandwidth ?? old.MaxPostcopyBandwidth,
        MaxCpuThrottle = wanted.MaxCpuThrottle ?? old.MaxCpuThrottle,
        MultifdCompression = wanted.MultifdCompression ?? old.MultifdCompression,
        MultifdZlibLevel = wanted.MultifdZlibLevel ?? old.MultifdZlibLevel,
        MultifdZstdLevel = wanted.MultifdZstdLevel ?? old.MultifdZstdLevel,
        BlockBitmapMapping = wanted.BlockBitmapMapping ?? old.BlockBitmapMapping,
    };
}
