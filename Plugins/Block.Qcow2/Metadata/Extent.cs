// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>What a run of guest bytes maps to.</summary>
internal enum ExtentKind
{
    /// <summary>Nothing here: the backing file decides, or zeroes without one.</summary>
    Unallocated,
    Zero,
    Data,

    /// <summary>One compressed cluster, or a part of it.</summary>
    Compressed,

    /// <summary>The metadata contradicts itself.</summary>
    Invalid,
}

/// <summary>The answer of a lookup: a run of guest bytes with one source.</summary>
/// <param name="HostOffset">Host offset of the run's first byte where it has a host cluster, read from or not; else 0.</param>
/// <param name="Length">Bytes, at least 1.</param>
/// <param name="Owned">The host clusters have no other reference: writes may go in place.</param>
/// <param name="Entry">The first entry.</param>
internal readonly record struct Extent(ExtentKind Kind, long HostOffset, long Length, bool Owned, ClusterEntry Entry);
