// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Plugins;
using BlockHost.Yank;

namespace BlockHost.Conformance.TestHost;

/// <summary>
/// The host's side of one node under test. Children are given beforehand by the name of their option, and options
/// refer to them by that name: <c>"file": "file"</c>. A file that the image names is the child of its option's name, whatever the
/// file's.
/// </summary>
public sealed class TestNodeContext(IPluginHost host) : IBlockNodeContext
{
    private readonly List<IBlockChild> _opened = [];
    private readonly List<string> _corruptions = [];

    public string NodeName { get; init; } = "node0";

    public bool ReadOnly { get; set; }

    public bool AutoReadOnly { get; init; }

    public bool CacheDirect { get; init; }

    public bool CacheNoFlush { get; init; }

    public bool DiscardUnmap { get; init; } = true;

    public DetectZeroes DetectZeroes { get; init; }

    public bool ForceShare { get; init; }

    public bool NoIo { get; init; }

    public bool ForRepair { get; init; }

    public IDriverHost Host { get; } = host;

    /// <summary>What can be opened, by option name.</summary>
    public Dictionary<string, IBlockChild> Children { get; } = [];

    /// <summary>Children that the driver has opened, in order.</summary>
    public IReadOnlyList<IBlockChild> Opened => _opened;

    /// <summary>Set when OpenAsync has returned: opening a child afterwards is an error.</summary>
    public bool Sealed { get; set; }

    public IReadOnlyList<string> Corruptions => _corruptions;

    public int ProfileChanges { get; private set; }

    /// <summary>Why the driver fell back to read-only, or null.</summary>
    public string? ReadOnlyReason { get; private set; }

    public ValueTask<IBlockChild?> OpenChildAsync(ChildSpec child, CancellationToken cancellationToken)
    {
        if (Sealed)
            throw new InvalidOperationException($"Child '{child.Name}' is opened after OpenAsync has returned");
        if (child is { Reference: null, RecordedFile: null, IsOptional: true })
            return new((IBlockChild?)null);
        var key = child.Reference?.NodeName ?? child.Name;
        if (!Children.TryGetValue(key, out var opened))
            throw new BlockException(BlockErrorKind.NotFound, $"Cannot find device='{key}' nor node-name='{key}'");
        _opened.Add(opened);
        return new(opened);
    }

    public async ValueTask<IBlockChild?> OpenBackingAsync(
        BlockdevRefOrNull? option, BackingFileReference? recorded, CancellationToken cancellationToken)
    {
        if (option is { Value: null } || (option is null && recorded is null))
            return null;
        var reference = option?.Value ?? BlockdevRef.To("backing");
        return await this.OpenChildAsync("backing", BlockChildRole.Backing, reference, cancellationToken).ConfigureAwait(false);
    }

    public void FallBackToReadOnly(string reason)
    {
        if (ReadOnly)
            return;
        if (!AutoReadOnly)
            throw new BlockException(BlockErrorKind.ReadOnly, reason);
        ReadOnly = true;
        ReadOnlyReason = reason;
    }

    public IDisposable OnYank(Action shutDown)
    {
        var identity = new JsonObject { ["node-name"] = NodeName };
        return this.PluginHost.Yank.Register(
            new YankInstance("block-node", JsonDocument.Parse(identity.ToJsonString()).RootElement), shutDown);
    }

    public void ProfileChanged() => ProfileChanges++;

    public void ReportCorruption(string message, long? offset, long? size, bool fatal) => _corruptions.Add(message);
}
