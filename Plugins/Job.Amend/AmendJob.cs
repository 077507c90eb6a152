// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Jobs;

namespace BlockHost.Plugins.Job.Amend;

internal sealed class AmendJobType : JobType
{
    public override string Name => "amend";

    public override bool IsBlockJob => false;
}

/// <summary>Changes options of one open image, which is drained meanwhile.</summary>
internal sealed class AmendJob(IGraphNode node, IImageAmend image, JsonElement options, bool force) : BackgroundJob
{
    public override async Task RunAsync(IJobContext context, CancellationToken cancellationToken)
    {
        context.SetRemaining(1);
        var progress = new Steps(context);
        try
        {
            using var changing = context.ChangeGraph();
            var drained = await context.Host.Graph.DrainAsync(node, cancellationToken).ConfigureAwait(false);
            await using var quiet = drained.ConfigureAwait(false);
            if (options.EnumerateObject().Any())
                await image.AmendAsync(options, force, progress, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            progress.Finish();
        }
    }

    /// <summary>The facet's units as the job's progress, plus one for the end.</summary>
    private sealed class Steps(IJobContext context) : IProgress<(long Done, long Total)>
    {
        private long _done;

        public void Report((long Done, long Total) value)
        {
            if (value.Done > _done)
                context.AddProgress(value.Done - _done);
            _done = Math.Max(_done, value.Done);
            context.SetRemaining(Math.Max(0, value.Total - _done) + 1);
        }

        public void Finish()
        {
            context.AddProgress(1);
            context.SetRemaining(0);
        }
    }
}
