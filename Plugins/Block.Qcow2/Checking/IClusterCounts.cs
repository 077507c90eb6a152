// SPDX-License-Identifier: MIT

namespace BlockHost.Plugins.Block.Qcow2.Checking;

/// <summary>References to host clusters, from which a refcount structure can be made.</summary>
internal interface IClusterCounts
{
    /// <summary>One more than the highest cluster with a reference.</summary>
    long End { get; }

    /// <summary>Whether any cluster of the range may have a reference.</summary>
    bool MayHaveAny(long first, long count);

    ValueTask<ulong> GetAsync(long cluster);

    /// <summary>Nothing lies there, not even a refcount structure that is left out of the counts.</summary>
    ValueTask<bool> IsFreeAsync(long cluster);
}
