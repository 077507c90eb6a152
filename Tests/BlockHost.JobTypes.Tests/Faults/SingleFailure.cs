// SPDX-License-Identifier: MIT
using BlockHost.Chain.Tests.Disks;

namespace BlockHost.JobTypes.Tests.Faults;

/// <summary>Counts the requests to all disks of a test, of which one fails.</summary>
internal sealed class SingleFailure
{
    private readonly Lock _lock = new();
    private bool _counts;
    private int _at;
    private int _errno;

    /// <summary>Requests since <see cref="Begin"/>.</summary>
    public int Seen { get; private set; }

    /// <summary>The one that has failed.</summary>
    public DiskRequest? Failed { get; private set; }

    /// <param name="at">The request that fails; negative: none.</param>
    public void Begin(int at, int errno)
    {
        lock (_lock)
            (_counts, _at, _errno, Seen, Failed) = (true, at, errno, 0, null);
    }

    public void End()
    {
        lock (_lock)
            _counts = false;
    }

    /// <returns>What this request fails with, or null.</returns>
    public int? Next(DiskRequest request)
    {
        lock (_lock)
        {
            if (!_counts || Seen++ != _at)
                return null;
            Failed = request;
            return _errno;
        }
    }
}
