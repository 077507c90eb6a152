// SPDX-License-Identifier: MIT
namespace BlockHost.Block.Facets;

/// <summary>Discards a protocol driver has passed to its storage (BlockStats' "driver-specific").</summary>
public readonly record struct DiscardStatistics(long Succeeded, long Failed, long BytesSucceeded);

public interface IDiscardStatistics
{
    DiscardStatistics GetDiscardStatistics();
}
