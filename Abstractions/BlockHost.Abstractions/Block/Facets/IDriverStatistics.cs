// SPDX-License-Identifier: MIT
using System.Text.Json;

namespace BlockHost.Block.Facets;

/// <summary>A node counts what only its driver knows of: "driver-specific" of query-blockstats.</summary>
public interface IDriverStatistics
{
    /// <summary>Of the driver's <see cref="BlockDriver.StatisticsType"/>. Requests may be in flight: it waits for none.</summary>
    JsonElement GetStatistics();
}
