// SPDX-License-Identifier: MIT
using BlockHost.Block.Graph;
using BlockHost.Jobs;

namespace BlockHost.Plugins.Job.Stream;

/// <summary>One stream job's settings.</summary>
internal sealed record StreamSettings
{
    public required StreamChain Chain { get; init; }

    public BlockdevOnError OnError { get; init; }

    /// <summary>What the header is to record as the base's name; null: the base's file name.</summary>
    public string? BackingFile { get; init; }

    /// <summary>The image was open for reading only, and is to be so again.</summary>
    public bool WasReadOnly { get; init; }
}

/// <summary>What a stream job holds of the graph.</summary>
/// <param name="Reader">Over the filter: what is read here is copied.</param>
/// <param name="Top">Over the image itself, to ask which layer has what.</param>
internal sealed record StreamNodes(IGraphNode Filter, IBlockBackend Reader, IBlockBackend Top);
