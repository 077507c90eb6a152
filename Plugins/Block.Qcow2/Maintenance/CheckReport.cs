// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;

namespace BlockHost.Plugins.Block.Qcow2.Maintenance;

/// <summary>What a check has found so far.</summary>
internal sealed class CheckReport
{
    /// <summary>Lines kept: a badly damaged image must not fill the memory with its description.</summary>
    private const int MaxMessages = 10_000;

    private readonly List<string> _messages = [];

    public long CheckErrors { get; set; }

    public long Corruptions { get; set; }

    public long Leaks { get; set; }

    public long CorruptionsFixed { get; set; }

    public long LeaksFixed { get; set; }

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
        Corruptions++;
        Note(message);
    }

    public ImageCheckResult ToResult(long totalClusters) => new()
    {
        CheckErrors = CheckErrors,
        Corruptions = Corruptions,
        Leaks = Leaks,
        CorruptionsFixed = CorruptionsFixed,
        LeaksFixed = LeaksFixed,
        ImageEndOffset = ImageEndOffset,
        TotalClusters = totalClusters,
        AllocatedClusters = AllocatedClusters,
        FragmentedClusters = FragmentedClusters,
        CompressedClusters = CompressedClusters,
        Messages = _messages,
    };
}
