// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Core.Block;

/// <summary>What the graph tells monitors unasked.</summary>
public sealed partial class BlockGraph
{
    internal void WriteThresholdExceeded(GraphNode node, long exceeded, long threshold) =>
        _events.Emit(
            BlockEvents.WriteThreshold,
            new WriteThresholdEvent { NodeName = node.Name, AmountExceeded = (ulong)exceeded, Threshold = (ulong)threshold });

    /// <summary>A client was answered with an error.</summary>
    internal void IoErrorReported(Backend backend, RequestKind kind, Exception error) =>
        _events.Emit(BlockEvents.IoError, new IoErrorEvent
        {
            Device = backend.Name ?? "",
            NodeName = backend.Link.Child.HasGeneratedName ? null : backend.Link.Child.Name,
            Operation = kind == RequestKind.Read ? IoErrorOperation.Read : IoErrorOperation.Write,
            Action = IoErrorAction.Report,
            NoSpace = error is BlockException { Errno: Errno.ENOSPC },
            Reason = error.Message,
        });

    internal void ImageCorrupted(GraphNode node, string message, long? offset, long? size, bool fatal)
    {
        Warnings.Note(fatal
            ? $"{node.Driver.FormatName}: Marking image as corrupt: {message}; further corruption events will be suppressed"
            : $"{node.Driver.FormatName}: Image is corrupt: {message}; further non-fatal corruption events will be suppressed");
        EmitCorrupted(node, message, offset, size, fatal);
    }

    /// <summary>Ends a tool; monitors of a daemon are told.</summary>
    internal async ValueTask GiveUpAsync(GraphNode node, string message, long? offset, long? size)
    {
        await Warnings.GiveUpAsync(message).ConfigureAwait(false);
        EmitCorrupted(node, message, offset, size, fatal: true);
    }

    private void EmitCorrupted(GraphNode node, string message, long? offset, long? size, bool fatal) =>
        _events.Emit(BlockEvents.ImageCorrupted, new ImageCorruptedEvent
        {
            Device = _backends.FirstOrDefault(backend => backend.Name is not null && backend.Link.Child == node)?.Name ?? "",
            NodeName = node.HasGeneratedName ? null : node.Name,
            Message = message,
            Offset = offset,
            Size = size,
            Fatal = fatal,
        });
}
