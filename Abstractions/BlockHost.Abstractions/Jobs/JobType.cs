// SPDX-License-Identifier: MIT
using BlockHost.Plugins;

namespace BlockHost.Jobs;

/// <summary>
/// A kind of background job (a value of JobType), such as "mirror". The plugin that registers it also registers the commands
/// that start jobs of it, which go through <see cref="IJobs.CreateAsync"/>.
/// </summary>
public abstract class JobType : IProvided
{
    ProvidedKind IProvided.Kind => ProvidedKind.Job;

    public abstract string Name { get; }

    /// <summary>
    /// Jobs of the type are also seen and addressed by the older block-job-* commands, and the BLOCK_JOB_* events tell of them.
    /// </summary>
    public virtual bool IsBlockJob => true;
}
