// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;

namespace BlockHost.Core.Block.Opening;

/// <summary>What a node being opened has from where it is opened.</summary>
internal sealed record OpenScope
{
    /// <summary>blockdev-add: complete options, nothing guessed.</summary>
    public static OpenScope Command { get; } = new();

    /// <summary>The storage of an image being made: what a format is written into must be told of discards.</summary>
    public static OpenScope Storage { get; } = new() { Inherited = new GenericOptions { DiscardUnmap = true } };

    /// <summary>Generic options where the node's own do not say.</summary>
    public GenericOptions Inherited { get; init; } = new();

    public int Depth { get; init; }

    /// <summary>"filename" may stand for a format's storage, and a missing driver is found by the name.</summary>
    public bool AllowFileNames { get; init; }

    /// <summary>A missing format is found by looking at the image.</summary>
    public bool AllowProbing { get; init; }

    /// <summary>Backing files that headers record are left alone.</summary>
    public bool NoBacking { get; init; }

    public bool NoIo { get; init; }

    /// <summary>The option "aio" of drivers that have one and are not given it.</summary>
    public string? Aio { get; init; }

    /// <summary>The image itself, not what is under it, is to be checked.</summary>
    public bool ForRepair { get; init; }

    /// <summary>The machine waits for its state: the images are still another process's, whatever the options say.</summary>
    public bool IsInactive { get; init; }

    /// <summary>The format of the image itself was guessed.</summary>
    public bool IsProbed { get; init; }

    public static OpenScope For(BackendOptions options) => new()
    {
        AllowFileNames = options.AllowFileNames,
        AllowProbing = options.AllowProbing,
        NoBacking = options.NoBacking,
        NoIo = options.NoIo,
        ForRepair = options.ForRepair,
        Aio = options.Aio,
    };

    /// <summary>The scope of a child: caching goes down, backing files are read only, storage is told of discards.</summary>
    public OpenScope ForChild(GenericOptions parent, BlockChildRole role)
    {
        var isBacking = (role & BlockChildRole.CopyOnWrite) != 0;
        return this with
        {
            Depth = Depth + 1,
            ForRepair = false,
            IsProbed = false,
            NoIo = NoIo && (role & BlockChildRole.Metadata) == 0,
            NoBacking = NoBacking && !isBacking,
            Inherited = InheritedFrom(parent, role),
        };
    }

    public static GenericOptions InheritedFrom(GenericOptions parent, BlockChildRole role)
    {
        var isBacking = (role & BlockChildRole.CopyOnWrite) != 0;
        return new GenericOptions
        {
            ReadOnly = isBacking || parent.ReadOnly,
            Active = parent.Active,
            AutoReadOnly = !isBacking && parent.AutoReadOnly,
            CacheDirect = parent.CacheDirect,
            CacheNoFlush = parent.CacheNoFlush,
            ForceShare = parent.ForceShare,
            DiscardUnmap = true,
        };
    }
}
