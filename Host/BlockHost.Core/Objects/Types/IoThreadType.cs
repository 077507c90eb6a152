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
/// "iothread": a thread for the loop of an export that names it. What a loop does not do itself (requests that wait for a disk)
/// runs on the runtime's pool. <c>poll-max-ns</c> is how long the loop polls; the other tuning options are checked and kept for
/// queries.
/// </summary>
internal sealed class IoThread : UserObject<IoThreadOptions>, IIoThread
{
    private const long DefaultThreads = 64;
    private const long DefaultPolling = 32768;

    private readonly ThreadOfWork _thread;
    private IoThreadOptions _options;

    public IoThread(string id, IoThreadOptions options)
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
        _thread = new ThreadOfWork($"IO {id}");
    }

    public int ThreadId => _thread.Id;

    /// <summary>In steps of the clock's 100 ns.</summary>
    public TimeSpan MaxPolling => TimeSpan.FromTicks(Math.Min(Current.PollMaxNs!.Value / 100, TimeSpan.TicksPerSecond));

    public IoThreadOptions Current => Volatile.Read(ref _options);

    public bool TryRun(Action loop) => _thread.TryRun(loop);

    public override ValueTask DisposeAsync()
    {
        _thread.End();
        return ValueTask.CompletedTask;
    }

    protected override IoThreadOptions Properties => Current;

    protected override bool TryChange(string name, IoThreadOptions changed)
    {
        Check(changed);
        Volatile.Write(ref _options, changed);
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

    protected override UserObject Create(IObjectContext context, IoThreadOptions options) => new IoThread(context.Id, options);
}
