// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Quorum;

/// <summary>A request that all children get alike.</summary>
internal interface IChildRequest
{
    QuorumOpType Type { get; }

    long Offset { get; }

    long Bytes { get; }

    ValueTask Start(IBlockChild child, CancellationToken cancellationToken);
}

internal readonly record struct WriteRequest(long Offset, IoSlice Source, WriteFlags Flags) : IChildRequest
{
    public QuorumOpType Type => QuorumOpType.Write;

    public long Bytes => Source.Length;

    public ValueTask Start(IBlockChild child, CancellationToken cancellationToken) =>
        child.WriteAsync(Offset, Source, Flags, cancellationToken);
}

internal readonly record struct ZeroRequest(long Offset, long Bytes, ZeroFlags Flags) : IChildRequest
{
    public QuorumOpType Type => QuorumOpType.Write;

    public ValueTask Start(IBlockChild child, CancellationToken cancellationToken) =>
        child.WriteZeroesAsync(Offset, Bytes, Flags, cancellationToken);
}

/// <summary>Sends requests to all children at once and collects how they fared.</summary>
internal static class ChildRequests
{
    /// <returns>One entry a child: its error, or null.</returns>
    public static async ValueTask<BlockException?[]> RunAsync<T>(
        IReadOnlyList<IBlockChild> children, T request, CancellationToken cancellationToken)
        where T : IChildRequest
    {
        var running = new ValueTask[children.Count];
        for (var i = 0; i < running.Length; i++)
            running[i] = Begin(() => request.Start(children[i], cancellationToken));
        return await WaitAsync(running).ConfigureAwait(false);
    }

    public static async ValueTask<BlockException?[]> ReadAsync(
        IReadOnlyList<IBlockChild> children, long offset, IReadOnlyList<IoSlice> targets, CancellationToken cancellationToken)
    {
        var running = new ValueTask[children.Count];
        for (var i = 0; i < running.Length; i++)
            running[i] = Begin(() => children[i].ReadAsync(offset, targets[i], ReadFlags.None, cancellationToken));
        return await WaitAsync(running).ConfigureAwait(false);
    }

    /// <summary>All end before any failure is passed on: buffers are theirs until then.</summary>
    private static async ValueTask<BlockException?[]> WaitAsync(ValueTask[] running)
    {
        var errors = new BlockException?[running.Length];
        Exception? other = null;
        for (var i = 0; i < running.Length; i++)
        {
            try
            {
                await running[i].ConfigureAwait(false);
            }
            catch (BlockException e)
            {
                errors[i] = e;
            }
            catch (Exception e)
            {
                other ??= e;
            }
        }

        if (other is not null)
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(other);
        return errors;
    }

    private static ValueTask Begin(Func<ValueTask> start)
    {
        try
        {
            return start();
        }
        catch (Exception e)
        {
            return ValueTask.FromException(e);
        }
    }
}
