// SPDX-License-Identifier: MIT
using System.Text.Json;

namespace BlockHost.Block.Graph;

/// <summary>A filter that its owner, such as a job, puts over a node that is in use.</summary>
public sealed record FilterOptions
{
    /// <summary>Need not be one that users can name: an owner may give an instance that its nodes share state with.</summary>
    public required BlockDriver Driver { get; init; }

    /// <summary>The driver's option that names the node: "file" or "backing".</summary>
    public string ChildOption { get; init; } = "file";

    /// <summary>Further options of the driver's: an object.</summary>
    public JsonElement? Options { get; init; }

    /// <summary>Null: as the node.</summary>
    public bool? ReadOnly { get; init; }

    /// <summary>Null: one is made up, and the filter is implicit: older queries show what is below it instead.</summary>
    public string? NodeName { get; init; }

    /// <summary>What the reason why it cannot be opened is told after; null: the reason alone.</summary>
    public string? ErrorPrefix { get; init; }
}
