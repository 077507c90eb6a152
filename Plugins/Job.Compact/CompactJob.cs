// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Jobs;
using Microsoft.Extensions.Logging;

namespace BlockHost.Plugins.Job.Compact;

internal sealed class CompactJobType : JobType
{
    public override string Name => "x-blockhost-compact";
}

/// <summary>
/// Lets an image move what it holds at its end into holes, one step after another; between two of them the job can pause. What
/// was moved when it is cancelled stays moved.
/// </summary>
internal sealed partial class CompactJob(IImageCompaction image, string nodeName, ILogger log) : BackgroundJob
{
    public override async Task RunAsync(IJobContext context, CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var step in image.CompactAsync(cancellationToken).ConfigureAwait(false))
            {
                context.AddProgress(step.Moved);
                context.SetRemaining(step.Remaining);
                if (step.Left is { } left)
                    LogLeft(nodeName, left);
                await context.ThrottleAsync(step.Moved).ConfigureAwait(false);
                cancellationToken.ThrowIfCancellationRequested();
            }

            context.SetRemaining(0);
        }
        catch (BlockException e)
        {
            throw new JobException(e.Errno, e.Message, e);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Some of node '{node}' stays where it is: {reason}")]
    private partial void LogLeft(string node, string reason);
}
