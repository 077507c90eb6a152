// SPDX-License-Identifier: MIT
namespace BlockHost.Core;

/// <summary>The time in which a program opens what its command line names. Without a hold it is over at once.</summary>
public sealed class HostStartup
{
    private volatile TaskCompletionSource? _held;

    /// <summary>As <see cref="Plugins.IPluginHost.Started"/>.</summary>
    public Task Completed => _held?.Task ?? Task.CompletedTask;

    /// <summary>The start lasts until the result is disposed.</summary>
    public IDisposable Hold()
    {
        var held = _held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return new Release(held);
    }

    private sealed class Release(TaskCompletionSource held) : IDisposable
    {
        public void Dispose() => held.TrySetResult();
    }
}
