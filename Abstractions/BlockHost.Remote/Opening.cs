// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Remote.Transfers;

namespace BlockHost.Remote;

/// <summary>Opens an object within the time that its settings give a single try.</summary>
public static class Opening
{
    /// <param name="prefix">Of error messages: "CURL: Error opening file: ".</param>
    /// <exception cref="BlockException">It cannot be opened, or the node was yanked.</exception>
    public static async ValueTask<T> RunAsync<T>(
        IBlockNodeContext context, Lifeline lifeline, TimeSpan patience, string prefix,
        Func<CancellationToken, ValueTask<T>> open, CancellationToken cancellationToken)
    {
        using var watch = new Watch(lifeline, context.Host.Clock, patience, long.MaxValue, cancellationToken);
        try
        {
            return await open(watch.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException && e is not BlockException)
        {
            if (lifeline.Token.IsCancellationRequested)
                throw lifeline.Error("The node is not opened");
            cancellationToken.ThrowIfCancellationRequested();
            var reason = watch.IsOver ? $"Operation timed out after {(long)patience.TotalMilliseconds} milliseconds" : e.Message;
            throw new BlockException(BlockErrorKind.Io, prefix + reason, innerException: e);
        }
    }
}
