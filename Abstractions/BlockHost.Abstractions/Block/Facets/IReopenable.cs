// SPDX-License-Identifier: MIT
using System.Text.Json;

namespace BlockHost.Block.Facets;

/// <summary>
/// Lets a node change its options while it is in use. The node is drained. <see cref="PrepareReopenAsync"/> does all
/// that can fail and changes nothing visible.
/// </summary>
public interface IReopenable
{
    /// <param name="context">The node with the new generic options (read-only, cache, …).</param>
    /// <param name="options">All of the driver's options, validated; what is absent goes back to its default.</param>
    ValueTask<IReopenStep> PrepareReopenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken);
}

/// <summary>The second half of a reopen: either commit or abort is called.</summary>
public interface IReopenStep
{
    void Commit();

    /// <summary>
    /// After a commit, children first: work that writes, now that permissions and storage are those of the new options.
    /// A failure is reported to who asked for the reopen; the new options stay.
    /// </summary>
    ValueTask CommittedAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    ValueTask AbortAsync();
}
