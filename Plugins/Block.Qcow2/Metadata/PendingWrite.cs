// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>Bytes on their way to disk: a copy, so that the original can change meanwhile.</summary>
internal readonly record struct PendingWrite(long Offset, byte[] Data, TableSlice? Slice = null);
