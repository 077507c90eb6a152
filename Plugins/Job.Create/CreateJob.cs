// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Jobs;

namespace BlockHost.Plugins.Job.Create;

internal sealed class CreateJobType : JobType
{
    public override string Name => "create";

    public override bool IsBlockJob => false;
}

/// <summary>Makes one image: a job of one step.</summary>
internal sealed class CreateJob(JsonElement options) : BackgroundJob
{
    public override async Task RunAsync(IJobContext context, CancellationToken cancellationToken)
    {
        context.SetRemaining(1);
        try
        {
            await context.Host.Graph.CreateImageAsync(options, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            context.AddProgress(1);
        }
    }
}
