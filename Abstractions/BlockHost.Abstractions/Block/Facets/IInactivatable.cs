// SPDX-License-Identifier: MIT
namespace BlockHost.Block.Facets;

/// <summary>
/// Facet of a node that stays as it is while its image may be another process's (<see cref="BlockDriver.ClosesWhenInactive"/> is
/// false), and has something to do about that. The node is drained, has been flushed, and is not written while it is inactive.
/// </summary>
public interface IInactivatable
{
    /// <summary>Another process may change the image from now on: what is known of its content is forgotten.</summary>
    ValueTask InactivateAsync(CancellationToken cancellationToken);

    /// <summary>The image is this process's again; others may have changed it, its length too.</summary>
    ValueTask ActivateAsync(CancellationToken cancellationToken);
}
