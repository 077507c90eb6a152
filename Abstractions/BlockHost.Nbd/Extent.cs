// SPDX-License-Identifier: MIT
namespace BlockHost.Nbd;

/// <summary>A run of one state, in a metadata context's own flags.</summary>
public readonly record struct Extent(uint Bytes, uint Flags);
