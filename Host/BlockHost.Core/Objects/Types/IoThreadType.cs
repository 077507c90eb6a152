// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization.Metadata;
using BlockHost.Objects;
using BlockHost.Qmp;

namespace BlockHost.Core.Objects.Types;

internal sealed record IoThreadOptions
{
    public long? AioMaxBatch { get; init; }

    public long? ThreadPoolMin { get; init; }

    public long? ThreadPoolMax { get; init; }

    public long? PollMaxNs { get; init; }

    public long? PollGrow { get; init; }

    public long? PollShrink { get; init; }
}

/// <summary>
/// "iothread": names a thread of work that an export can be given. Requests run on the threads of the export and the
/// runtime's pool; the tuning options are checked and kept for queries.
/// </summary>
internal sealed class IoThread : UserObject<IoThreadOptions>
{
    private const long DefaultThreads = 64;
    private const long DefaultPolling = 32768;

    private IoThreadOptions _options;

    public IoThread(IoThreadOptions options)
        : base(ObjectsJson.Default.IoThreadOptions)
    {
        Check(options);
        _options = new()
        {
            AioMaxBatch = options.AioMaxBatch ?? 0,
            ThreadPoolMin = options.ThreadPoolMin ?? 0,
            ThreadPoolMax = options.ThreadPoolMax ?? DefaultThreads,
            PollMaxNs = options.PollMaxNs ?? DefaultPolling,
            PollGrow = options.PollGrow ?? 0,
            PollShrink = options.PollShrink ?? 0,
        };
    }

    protected override IoThreadOptions Properties => _options;

    protected override bool TryChange(string name, IoThreadOptions changed)
    {
        Check(changed);
        _options = changed;
        return true;
    }

    private static void Check(IoThreadOptions options)
    {
        RequireNatural("aio-max-batch", options.AioMaxBatch);
        RequireNatural("thread-pool-min", options.ThreadPoolMin);
        RequireNatural("thread-pool-max", options.ThreadPoolMax);
        RequireNatural("poll-max-ns", options.PollMaxNs);
        RequireNatural("poll-grow", options.PollGrow);
        RequireNatural("poll-shrink", options.PollShrink);
        if (options.ThreadPoolMin > (options.ThreadPoolMax ?? DefaultThreads))
            throw new QmpException("bad thread-pool-min/thread-pool-max values");
    }

    private static void RequireNatural(string name, long? value)
    {
        if (value < 0)
            throw new QmpException($"{name} value must be in range [0, {long.MaxValue}]");
    }
}

internal sealed class IoThreadType : ObjectType<IoThreadOptions>
{
    public override string Name => "iothread";

    public override string Parent => "event-loop-base";

    protected override JsonTypeInfo<IoThreadOptions> TypedOptionsType => ObjectsJson.Default.IoThreadOptions;

    protected override UserObject Create(IObjectContext context, IoThreadOptions options) => new IoThread(options);
}
