// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Jobs;

namespace BlockHost.Plugins.Job.Commit;

/// <summary>A base that is smaller than what goes down to it.</summary>
internal static class BaseGrowth
{
    /// <exception cref="JobException">The base cannot grow.</exception>
    public static async ValueTask GrowAsync(
        IJobContext context, IBlockBackend target, long length, CancellationToken cancellationToken)
    {
        try
        {
            using var changing = context.ChangeGraph();
            await target.ResizeAsync(length, new ResizeOptions(), cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException e)
        {
            throw new JobException(e.Errno, innerException: e);
        }
    }
}
