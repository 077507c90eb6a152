// SPDX-License-Identifier: MIT
namespace BlockHost.Block;

[Flags]
public enum ReadFlags
{
    None = 0,

    /// <summary>The caller wants the data cached, not returned: the target may be left as it is.</summary>
    Prefetch = 1,
}

[Flags]
public enum WriteFlags
{
    None = 0,

    /// <summary>Data is on stable storage before the write completes.</summary>
    Fua = 1,

    /// <summary>
    /// The write does not change what a reader sees (needs only <see cref="BlockPermissions.WriteUnchanged"/>).
    /// </summary>
    Unchanged = 2,

    /// <summary>Store the data compressed; whole clusters only.</summary>
    Compressed = 4,

    /// <summary>
    /// Wait for overlapping writes and keep new ones out until done. Nodes order their writes only where they have a
    /// request alignment; others refuse this.
    /// </summary>
    Serialising = 8,
}

[Flags]
public enum ZeroFlags
{
    None = 0,

    /// <summary>The range may be deallocated as long as it reads as zeroes.</summary>
    MayUnmap = 1,

    /// <summary>Fail with <see cref="BlockErrorKind.NotSupported"/> rather than write zeroes slowly.</summary>
    NoFallback = 2,

    Fua = 4,

    Unchanged = 8,
}
