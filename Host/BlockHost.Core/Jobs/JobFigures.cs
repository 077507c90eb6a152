// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;

namespace BlockHost.Core.Jobs;

internal enum JobResult
{
    Completed,
    Failed,
    Cancelled,
}

/// <summary>
/// How many jobs of each type have been started and have ended. Types are kept by name: they belong to plugins.
/// </summary>
internal sealed class JobFigures
{
    private readonly ConcurrentDictionary<string, long> _started = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<(string Type, JobResult Result), long> _ended = [];

    public IEnumerable<KeyValuePair<string, long>> Started => _started;

    public IEnumerable<KeyValuePair<(string Type, JobResult Result), long>> Ended => _ended;

    /// <summary>Started and not ended, by type.</summary>
    public IEnumerable<KeyValuePair<string, long>> Running =>
        _started.Select(started => KeyValuePair.Create(started.Key, started.Value - EndedOf(started.Key)));

    public void AddStarted(string type) => _started.AddOrUpdate(type, 1, static (_, count) => count + 1);

    public void AddEnded(string type, JobResult result) => _ended.AddOrUpdate((type, result), 1, static (_, count) => count + 1);

    private long EndedOf(string type) => _ended.Where(ended => ended.Key.Type == type).Sum(ended => ended.Value);
}
