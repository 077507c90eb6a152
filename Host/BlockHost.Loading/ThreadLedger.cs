// SPDX-License-Identifier: MIT
using System.Runtime.Loader;

namespace BlockHost.Loading;

/// <summary>
/// Whether all threads that run plugins' code stay until the process ends. Only then may code be unloaded: when a thread
/// ends, the runtime frees its thread-static fields by numbers that, after an unload, belong to code loaded later
/// (docs/decisions/13).
/// </summary>
internal sealed class ThreadLedger
{
    private const string PoolSetting = "System.Threading.ThreadPool.ThreadsToKeepAlive";
    private const string All = "-1";

    private volatile string? _ending = PoolThreadsEnd;
    private AssemblyLoadContext? _maker;

    /// <summary>Why threads end, to follow "Plugin 'x' cannot be unloaded: "; null: they stay.</summary>
    public string? Ending => _ending;

    private static string? PoolThreadsEnd =>
        AppContext.GetData(PoolSetting)?.ToString() == All
            ? null
            : $"this program is not configured to keep its threads ({PoolSetting}: {All})";

    /// <summary>Takes note of an assembly that may be loaded into a context; one that makes threads is kept for good.</summary>
    /// <param name="maker">See <see cref="ThreadUse"/>.</param>
    public void Note(string path, string? maker, AssemblyLoadContext context)
    {
        if (_ending is not null || maker is null)
            return;
        Interlocked.CompareExchange(ref _maker, context, null);
        _ending = $"{Path.GetFileName(path)} makes threads that end ({maker}, where PluginThread is meant to be used)";
    }
}
