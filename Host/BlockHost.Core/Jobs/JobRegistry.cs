// SPDX-License-Identifier: MIT
using BlockHost.Jobs;
using BlockHost.Qmp;

namespace BlockHost.Core.Jobs;

/// <summary>A host without background jobs: there are none, and starting one is refused.</summary>
public sealed class JobRegistry : IJobs
{
    public IReadOnlyList<JobSummary> List() => [];

    public void Start(JobRequest request, Job job) => throw new QmpException($"This host runs no background jobs: '{request.Type.Name}' cannot be started");
}
