// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Job.Commit;
using BlockHost.Plugins.Job.Commit.Commands;

[assembly: PluginEntry(typeof(JobCommitPlugin))]

namespace BlockHost.Plugins.Job.Commit;

/// <summary>The job that writes images of a chain into one below them, and block-commit, which starts it.</summary>
public sealed class JobCommitPlugin : Plugin
{
    public override void Register(IPluginRegistry registry)
    {
        var type = new CommitJobType();
        registry.Add(type);
        registry.Add(BlockCommitCommand.Create(type));
    }
}
