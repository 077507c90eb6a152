// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Plugins.Block.Qcow2.Checking;

/// <summary>What a check has found so far.</summary>
internal sealed class CheckReport
{
    /// <summary>Lines kept: a badly damaged image must not fill the memory with its description.</summary>
    private const int MaxMessages = 100_000;

    /// <summary>Findings after which a check is of no more use: what is walked then is no metadata.</summary>
    private const int MaxFindings = 500_000;

    private readonly List<string> _messages = [];
    private int _errno;

    public CheckCounts Counts { get; set; }

    public long ImageEndOffset { get; set; }

    public long AllocatedClusters { get; set; }

    public long FragmentedClusters { get; set; }

    public long CompressedClusters { get; set; }

    public void Note(string message)
    {
        if (_messages.Count < MaxMessages) _messages.Add(message);
    }

    public void Corruption(string message)
    {
        Counts = Counts with { Corruptions = Counts.Corruptions + 1 };
        Note(message);
        if (Counts.Corruptions > MaxFindings) throw new BlockException(
            BlockErrorKind.Corrupt, "The image has too many errors to go on checking it");
    }

    public void CheckError(string message)
    {
        Counts = Counts with { CheckErrors = Counts.CheckErrors + 1 };
        Note(message);
    }

    public void Leak(string message)
    {
        Counts = Counts with { Leaks = Counts.Leaks + 1 };
        Note(message);
    }

    /// <summary>The check cannot do what it was asked for.</summary>
    public void GiveUp(string message)
    {
        _errno = Errno.EIO;
        Note(message);
    }

    public void CorruptionFixed() => Counts = Counts with { CorruptionsFixed = Counts.CorruptionsFixed + 1 };

    public void LeakFixed() => Counts = Counts with { LeaksFixed = Counts.LeaksFixed + 1 };

    /// <summary>The statistics start over: the same content is walked again.</summary>
    public void ForgetStatistics() => (AllocatedClusters, FragmentedClusters, CompressedClusters) = (0, 0, 0);

    public ImageCheckResult ToResult(long totalClusters) => new()
    {
        CheckErrors = Counts.CheckErrors,
        Corruptions = Counts.Corruptions,
        Leaks = Counts.Leaks,
        CorruptionsFixed = Counts.CorruptionsFixed,
        LeaksFixed = Counts.LeaksFixed,
        ImageEndOffset = ImageEndOffset,
        TotalClusters = totalClusters,
        AllocatedClusters = AllocatedClusters,
        FragmentedClusters = FragmentedClusters,
        CompressedClusters = CompressedClusters,
        Errno = _errno,
        Messages = _messages,
    };
}

/// <summary>The numbers of a check that a later pass may take back.</summary>
internal readonly record struct CheckCounts(
    long CheckErrors, long Corruptions, long Leaks, long CorruptionsFixed, long LeaksFixed);
