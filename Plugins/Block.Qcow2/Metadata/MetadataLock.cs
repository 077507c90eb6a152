// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>A lock that may be held across an await: <c>using (await gate.AcquireAsync(token))</c>.</summary>
internal sealed class MetadataLock : IDisposable
{
    private readonly SemaphoreSlim _semaphore = new(1, 1);

    public ValueTask<Holder> AcquireAsync(CancellationToken cancellationToken = default)
    {
        var wait = _semaphore.WaitAsync(cancellationToken);
        return wait.IsCompletedSuccessfully ? new(new Holder(_semaphore)) : AwaitAsync(wait);
    }

    public void Dispose() => _semaphore.Dispose();

    private async ValueTask<Holder> AwaitAsync(Task wait)
    {
        await wait.ConfigureAwait(false);
        return new Holder(_semaphore);
    }

    public readonly struct Holder(SemaphoreSlim semaphore) : IDisposable
    {
        public void Dispose() => semaphore.Release();
    }
}
