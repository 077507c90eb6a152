// SPDX-License-Identifier: MIT
namespace BlockHost.Block;

/// <summary>How many requests a driver can take at once; the host enforces it, and a node may only narrow it.</summary>
public enum Concurrency
{
    /// <summary>One request at a time over all nodes of the driver.</summary>
    SerializeDriver = 0,

    /// <summary>One request at a time on each node.</summary>
    SerializeNode = 1,

    /// <summary>Any number, from any thread.</summary>
    Parallel = 2,
}
