// SPDX-License-Identifier: MIT
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
internal sealed class IoThread(IoThreadOptions options)
{
    public IoThreadOptions Options { get; } = options;
}

internal sealed class IoThreadType() : ObjectType<IoThreadOptions>("iothread", ObjectsJson.Default.IoThreadOptions)
{
    protected override object Create(IoThreadOptions options, IUserObjects others)
    {
        RequireNatural("aio-max-batch", options.AioMaxBatch);
        RequireNatural("thread-pool-min", options.ThreadPoolMin);
        RequireNatural("thread-pool-max", options.ThreadPoolMax);
        RequireNatural("poll-max-ns", options.PollMaxNs);
        RequireNatural("poll-grow", options.PollGrow);
        RequireNatural("poll-shrink", options.PollShrink);
        return new IoThread(options);
    }

    private static void RequireNatural(string name, long? value)
    {
        if (value < 0)
            throw new QmpException($"{name} value must be in range [0, {long.MaxValue}]");
    }
}
