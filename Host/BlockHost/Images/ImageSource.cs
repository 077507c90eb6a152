// SPDX-License-Identifier: MIT
namespace BlockHost.Images;

/// <summary>An image as a command line names it.</summary>
/// <param name="Name">A file name or URL, json:{…}, or with <paramref name="IsOptions"/> the options themselves.</param>
/// <param name="Format">Driver; null: by probing.</param>
/// <param name="IsOptions">--image-opts: <paramref name="Name"/> is driver=…,key=value,….</param>
internal sealed record ImageSource(string Name, string? Format = null, bool IsOptions = false)
{
    /// <summary>With <see cref="IsOptions"/>: the image's name where it was given apart from the options.</summary>
    public string? Path { get; init; }
}

/// <summary>How a tool opens an image.</summary>
internal sealed record OpenMode
{
    public static OpenMode Read { get; } = new();

    /// <summary>What an image is, while others use it as they like: no guest data, no locks.</summary>
    public static OpenMode Glance { get; } = new() { MetadataOnly = true, ForceShare = true };

    public bool Writable { get; init; }

    public CacheMode Cache { get; init; }

    /// <summary>-U: take no locks against writers.</summary>
    public bool ForceShare { get; init; }

    /// <summary>Nobody else may change the image meanwhile, whatever its format lets others do.</summary>
    public bool RefusesWriters { get; init; }

    /// <summary>Leave backing files closed.</summary>
    public bool NoBacking { get; init; }

    /// <summary>Needs no reads of guest data.</summary>
    public bool MetadataOnly { get; init; }

    /// <summary>Of an image that was just made: the option that names the secret of its key, and the secret.</summary>
    public (string Option, string Id)? KeySecret { get; init; }

    /// <summary>A damaged image is opened too: it is to be checked.</summary>
    public bool ForRepair { get; init; }

    /// <summary>Takes no permissions: somebody else will use the node.</summary>
    public bool Idle { get; init; }

    /// <summary>The image's length is to change.</summary>
    public bool Resizes { get; init; }

    /// <summary>"unmap" or "ignore"; null: the driver's default.</summary>
    public string? Discard { get; init; }

    /// <summary>"threads", "native" or "io_uring"; null: the driver's default.</summary>
    public string? Aio { get; init; }

    public string? DetectZeroes { get; init; }

    /// <summary>-s: what is written goes to an overlay that is gone afterwards.</summary>
    public bool Overlay { get; init; }

    /// <summary>-C: what is read from backing files is copied into the image.</summary>
    public bool CopyOnRead { get; init; }
}
