// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Block;

/// <summary>What the graph tells monitors unasked.</summary>
public sealed partial class BlockGraph
{
    internal void WriteThresholdExceeded(GraphNode node, long exceeded, long threshold) =>
        _events.Emit(BlockEvents.WriteThreshold, new WriteThresholdEvent { NodeName = node.Name, AmountExceeded = (ulong)exceeded, Threshold = (ulong)threshold });

    internal void ImageCorrupted(GraphNode node, string message, long? offset, long? size, bool fatal) =>
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
