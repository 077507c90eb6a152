// SPDX-License-Identifier: MIT
namespace BlockHost.Block.Facets;

/// <summary>
/// Facet of a node that takes the events fired at it. The host looks for it when the node opens and when its profile changes. As
/// in QEMU, events go to the child that they are fired at and no further.
/// </summary>
public interface IBlockEventTarget
{
    /// <summary>The task completes when whoever fired the event may go on.</summary>
    ValueTask OnEventAsync(BlkdebugEvent @event, CancellationToken cancellationToken);
}

/// <summary>Firing events at children. Where nothing there takes events, as nearly always, it costs a test of a field.</summary>
public static class BlockEventFiring
{
    public static ValueTask FireAsync(
        this IBlockChild child, BlkdebugEvent @event, CancellationToken cancellationToken = default) =>
        child.EventTarget is { } target ? target.OnEventAsync(@event, cancellationToken) : default;

    /// <summary>Fires an event and then reads.</summary>
    public static ValueTask ReadAsync(
        this IBlockChild child,
        BlkdebugEvent @event,
        long offset,
        IoSlice target,
        ReadFlags flags = ReadFlags.None,
        CancellationToken cancellationToken = default) =>
        child.EventTarget is null
            ? child.ReadAsync(offset, target, flags, cancellationToken)
            : FireAndReadAsync(child, @event, offset, target, flags, cancellationToken);

    /// <summary>Fires an event and then writes.</summary>
    public static ValueTask WriteAsync(
        this IBlockChild child,
        BlkdebugEvent @event,
        long offset,
        IoSlice source,
        WriteFlags flags = WriteFlags.None,
        CancellationToken cancellationToken = default) =>
        child.EventTarget is null
            ? child.WriteAsync(offset, source, flags, cancellationToken)
            : FireAndWriteAsync(child, @event, offset, source, flags, cancellationToken);

    private static async ValueTask FireAndReadAsync(
        IBlockChild child,
        BlkdebugEvent @event,
        long offset,
        IoSlice target,
        ReadFlags flags,
        CancellationToken cancellationToken)
    {
        await child.FireAsync(@event, cancellationToken).ConfigureAwait(false);
        await child.ReadAsync(offset, target, flags, cancellationToken).ConfigureAwait(false);
    }

    private static async ValueTask FireAndWriteAsync(
        IBlockChild child,
        BlkdebugEvent @event,
        long offset,
        IoSlice source,
        WriteFlags flags,
        CancellationToken cancellationToken)
    {
        await child.FireAsync(@event, cancellationToken).ConfigureAwait(false);
        await child.WriteAsync(offset, source, flags, cancellationToken).ConfigureAwait(false);
    }
}
