// SPDX-License-Identifier: MIT
namespace BlockHost.Block.Facets;

/// <summary>Changes which backing file the image's header records; the open graph stays as it is.</summary>
public interface IBackingFileStore
{
    BackingFileReference? Backing { get; }

    /// <param name="backing">Null: the image no longer has a backing file.</param>
    ValueTask SetBackingAsync(BackingFileReference? backing, CancellationToken cancellationToken);
}

/// <summary>The graph puts another node under an open overlay, or takes it away; permissions are the host's work.</summary>
public interface IBackingChildHolder
{
    /// <summary>Called while the node is drained.</summary>
    void SetBackingChild(IBlockChild? backing);
}
