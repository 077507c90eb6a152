// SPDX-License-Identifier: MIT
using System.Text.Json;

namespace BlockHost.Block.Facets;

/// <summary>What a driver knows about its image beyond its length.</summary>
public sealed record ImageFacts
{
    /// <summary>False: nothing beyond the length is known (another machine's disk).</summary>
    public bool IsKnown { get; init; } = true;

    /// <summary>Cluster size in bytes; 0: the format has none.</summary>
    public long ClusterSize { get; init; }

    public bool? Dirty { get; init; }

    public bool Encrypted { get; init; }

    /// <summary>It is encrypted, and was opened without its key: nobody can read it.</summary>
    public bool IsKeyMissing { get; init; }

    public bool Compressed { get; init; }

    /// <summary>
    /// Data can be stored compressed only, and once: copies into the image are compressed without being asked to.
    /// </summary>
    public bool NeedsCompressedWrites { get; init; }

    /// <summary>Bytes of storage in use, for protocol drivers.</summary>
    public long? AllocatedSize { get; init; }

    /// <summary>Offset from which the VM state is stored, for formats that can hold one.</summary>
    public long VmStateOffset { get; init; }

    /// <summary>The header's backing file.</summary>
    public BackingFileReference? Backing { get; init; }

    /// <summary>ImageInfo's "format-specific" data, of the driver's <see cref="BlockDriver.SpecificInfoType"/>.</summary>
    public JsonElement? Specific { get; init; }
}

public interface IImageInfo
{
    ValueTask<ImageFacts> GetFactsAsync(CancellationToken cancellationToken);
}
