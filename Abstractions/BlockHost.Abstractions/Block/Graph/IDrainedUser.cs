// SPDX-License-Identifier: MIT
namespace BlockHost.Block.Graph;

/// <summary>
/// A user of a node that stops by itself while the node is drained, before its requests are held back: a job, which pauses.
/// </summary>
public interface IDrainedUser
{
    /// <summary>Counts one more drained section; must not block.</summary>
    void DrainBegin();

    /// <summary>Completes when the user makes no more requests.</summary>
    Task WhenQuiet();

    void DrainEnd();
}
