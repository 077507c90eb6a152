// SPDX-License-Identifier: MIT
namespace BlockHost.Sequences.Tests;

/// <summary>How the image of a sequence is made. Sizes in bytes.</summary>
internal sealed record ImageShape
{
    public required long Size { get; init; }

    public required int ClusterSize { get; init; }

    public required int RefcountBits { get; init; }

    public bool OldVersion { get; init; }

    public bool Subclusters { get; init; }

    public bool DataFile { get; init; }

    public bool Zstd { get; init; }

    public bool LazyRefcounts { get; init; }

    /// <summary>Length of a backing file with data in it; 0: none.</summary>
    public long BackingSize { get; init; }

    public bool CanCompress => !DataFile;

    public static ImageShape Random(Random random)
    {
        var old = random.Next(6) == 0;
        var subclusters = !old && random.Next(3) == 0;
        var clusterBits = random.Next(subclusters ? 14 : 9, 17);
        var dataFile = !old && random.Next(6) == 0;
        return new()
        {
            Size = random.NextInt64(1, 4096) * 512,
            ClusterSize = 1 << clusterBits,
            RefcountBits = old ? 16 : 1 << random.Next(7),
            OldVersion = old,
            Subclusters = subclusters,
            DataFile = dataFile,
            Zstd = !old && random.Next(3) == 0,
            LazyRefcounts = !old && random.Next(6) == 0,
            BackingSize = random.Next(2) == 0 ? random.NextInt64(1, 4096) * 512 : 0,
        };
    }

    /// <summary>The value of -o.</summary>
    public string CreateOptions(string dataFile)
    {
        var options = $"cluster_size={ClusterSize},refcount_bits={RefcountBits},compat={(OldVersion ? "0.10" : "1.1")}";
        if (Subclusters)
            options += ",extended_l2=on";
        if (DataFile)
            options += $",data_file={dataFile}";
        if (Zstd)
            options += ",compression_type=zstd";
        if (LazyRefcounts)
            options += ",lazy_refcounts=on";
        return options;
    }
}
