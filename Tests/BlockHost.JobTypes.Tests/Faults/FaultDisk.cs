// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Chain.Tests.Disks;
using BlockHost.Conformance.TestHost;

namespace BlockHost.JobTypes.Tests.Faults;

/// <summary>
/// Requests that fail: after the first <paramref name="Skip"/> of their kind, so many <paramref name="Times"/>.
/// </summary>
internal sealed record Fault(DiskRequest On, int Errno, int Skip = 0, int Times = int.MaxValue);

/// <summary>Bytes of data that are being read and written.</summary>
internal sealed class Traffic
{
    private readonly Lock _lock = new();
    private long _now;

    public long Most { get; private set; }

    public void Add(long bytes)
    {
        lock (_lock)
        {
            _now += bytes;
            Most = Math.Max(Most, _now);
        }
    }

    /// <summary>What was before does not count.</summary>
    public void StartOver()
    {
        lock (_lock)
            Most = _now;
    }
}

/// <summary>A disk in memory that takes its time and fails as it is told.</summary>
/// <param name="traffic">What all disks of a test have under way.</param>
/// <param name="failure">Of one request to any of them.</param>
internal sealed class FaultDisk(int seed, Traffic traffic, SingleFailure failure) : IDisk
{
    private readonly Lock _lock = new();
    private readonly Random _random = new(seed);
    private Fault? _fault;
    private long _seen;
    private long _room = long.MaxValue;
    private int _failures;

    public MemoryImage Image { get; } = new();

    /// <summary>Requests that were failed.</summary>
    public int Failures => Volatile.Read(ref _failures);

    public void Break(Fault fault)
    {
        lock (_lock)
            (_fault, _seen) = (fault, 0);
    }

    /// <summary>Nothing is written from so many bytes behind the present end on: ENOSPC.</summary>
    public void Fill(long room)
    {
        lock (_lock)
            _room = Image.Length + room;
    }

    /// <summary>Whatever fails does so no more.</summary>
    public void Heal()
    {
        lock (_lock)
            (_fault, _room) = (null, long.MaxValue);
    }

    public async ValueTask DoAsync(DiskRequest request, long offset, long bytes, Action action)
    {
        var data = (request & (DiskRequest.Read | DiskRequest.Write)) != 0 ? bytes : 0;
        traffic.Add(data);
        try
        {
            await TakeTimeAsync();
            if ((failure.Next(request) ?? ErrnoFor(request, offset, bytes)) is not 0 and var errno)
            {
                Interlocked.Increment(ref _failures);
                throw new BlockException(BlockErrorKind.Io, $"The disk fails: {request} at {offset}", errno);
            }

            action();
        }
        finally
        {
            traffic.Add(-data);
        }
    }

    private int ErrnoFor(DiskRequest request, long offset, long bytes)
    {
        lock (_lock)
        {
            if ((request & DiskRequest.Change) != 0 && offset + bytes > _room)
                return Errno.ENOSPC;
            if (_fault is not { } fault || (request & fault.On) == 0)
                return 0;
            var turn = _seen++ - fault.Skip;
            return turn >= 0 && turn < fault.Times ? fault.Errno : 0;
        }
    }

    private async ValueTask TakeTimeAsync()
    {
        int dice;
        lock (_lock)
            dice = _random.Next(32);
        if (dice == 0)
            await Task.Delay(1);
        else if (dice < 16)
            await Task.Yield();
    }
}
