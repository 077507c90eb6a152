// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Remote.Transfers;

namespace BlockHost.Remote;

/// <summary>Opens objects of servers that may not answer.</summary>
public static class Opening
{
    /// <summary>From here on nobody has to wait: the node can be yanked while it is opened, and until it is closed.</summary>
    public static async ValueTask<BlockNode> WithYankAsync(IBlockNodeContext context, Func<Lifeline, ValueTask<BlockNode>> open)
    {
        var lifeline = new Lifeline();
        var yank = context.OnYank(lifeline.Yank);
        try
        {
            return await open(lifeline).ConfigureAwait(false);
        }
        catch
        {
            yank.Dispose();
            throw;
        }
    }

    /// <summary>Opens an object within the time that its settings give a single try.</summary>
    /// <param name="prefix">Of error messages: "CURL: Error opening file: ".</param>
    /// <exception cref="BlockException">It cannot be opened, or the node was yanked.</exception>
    public static async ValueTask<T> RunAsync<T>(
        IBlockNodeContext context, Lifeline lifeline, TimeSpan patience, string prefix,
        Func<CancellationToken, ValueTask<T>> open, CancellationToken cancellationToken)
    {
        using var watch = new Watch(lifeline, context.Host.Clock, patience, deadline: null, cancellationToken);
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
