// SPDX-License-Identifier: MIT
using BlockHost.Block.Graph;

namespace BlockHost.Jobs;

[Flags]
public enum JobFlags
{
    None = 0,

    /// <summary>No id, no events, not listed.</summary>
    Internal = 1,

    ManualFinalize = 2,

    ManualDismiss = 4,
}

/// <summary>How a job is to be run.</summary>
public sealed record JobRequest
{
    public required JobType Type { get; init; }

    /// <summary>As the user gave it; null for internal jobs.</summary>
    public required string? Id { get; init; }

    public JobFlags Flags { get; init; }

    /// <summary>The transaction that the job belongs to; null: it is alone.</summary>
    public IJobGroup? Group { get; init; }

    /// <summary>The flags that the members auto-finalize and auto-dismiss ask for; both default to true.</summary>
    public static JobFlags FlagsOf(bool? autoFinalize, bool? autoDismiss) =>
        (autoFinalize is false ? JobFlags.ManualFinalize : 0) | (autoDismiss is false ? JobFlags.ManualDismiss : 0);

    /// <summary>
    /// The id of a block job: as given, or the name of the backend that <paramref name="node"/> is under, or empty, which is
    /// refused.
    /// </summary>
    public static string IdOrDefault(string? id, IBlockGraph graph, IGraphNode node) =>
        id ?? graph.Backends.FirstOrDefault(backend => backend.Name is not null && backend.Node == node)?.Name ?? "";
}

/// <summary>Jobs that succeed or fail together.</summary>
public interface IJobGroup;
