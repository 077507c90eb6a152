// SPDX-License-Identifier: MIT
using BlockHost.Jobs;

namespace BlockHost.Plugins.Job.Commit;

internal sealed class CommitJobType : JobType
{
    public override string Name => "commit";
}
