// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace BlockHost.Block.Facets;

/// <summary>Facet of a driver, and of its nodes: what can be changed of an existing image.</summary>
public interface IAmendOptions
{
    IReadOnlyList<CreateOption> AmendOptions { get; }

    /// <summary>
    /// The driver's branch of BlockdevAmendOptions, without "driver"; null: nothing can be amended by that.
    /// </summary>
    JsonTypeInfo? AmendOptionsType => null;
}

/// <summary>Facet of a node: changes options of an existing image. The node is drained.</summary>
public interface IImageAmend : IAmendOptions
{
    /// <param name="options">Of <see cref="IAmendOptions.AmendOptionsType"/>; what is absent stays as it is.</param>
    /// <param name="progress">Work units done and in all; the total may grow.</param>
    ValueTask AmendAsync(
        JsonElement options, bool force, IProgress<(long Done, long Total)>? progress, CancellationToken cancellationToken);
}
