// SPDX-License-Identifier: MIT

namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>Work on the structure of an image while nothing else changes it and no metadata waits to be written.</summary>
internal static class QuietImage
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(1);

    /// <summary>
    /// Runs the work under the metadata lock with flushes paused. Where the refcount table is full, enlarges it and runs the
    /// work again, which must have left nothing half done.
    /// </summary>
    public static async ValueTask<T> RunAsync<T>(Qcow2Image image, Func<ValueTask<T>> work, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (image.Settings.Writable) await image.Flusher.SettleAsync().ConfigureAwait(false);
            long? missing = null;
            try
            {
                using (await image.Flusher.PauseAsync(cancellationToken).ConfigureAwait(false))
                using (await image.Gate.AcquireAsync(cancellationToken).ConfigureAwait(false))
                {
                    // What a request in flight has taken or is about to give up is not on record yet.
                    if (!image.InFlight.Any && !image.Allocator.HasPending) return await work().ConfigureAwait(false);
                }
            }
            catch (RefcountTableFullException full)
            {
                missing = full.Cluster;
            }
            if (missing is { } cluster)
                await image.Tables.GrowRefcountTableAsync(cluster).ConfigureAwait(false);
            else
                await Task.Delay(RetryDelay, cancellationToken).ConfigureAwait(false);
        }
    }
}
