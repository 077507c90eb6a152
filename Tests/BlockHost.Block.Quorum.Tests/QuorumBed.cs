// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Quorum;

namespace BlockHost.Block.Quorum.Tests;

/// <summary>A quorum over children in memory, each of which holds one byte all over at first, and can be made to fail.</summary>
internal sealed class QuorumBed
{
    public const int Length = 1 << 16;

    private readonly TestPluginHost _host = new();
    private readonly List<FailingChild> _children = [];
    private readonly List<MemoryImage> _images = [];

    public IReadOnlyList<FailingChild> Children => _children;

    public IReadOnlyList<string> Events => [.. _host.Events.Emitted.Select(emitted => $"{emitted.Name} {emitted.Data}")];

    public BlockNode Node { get; private set; } = null!;

    /// <param name="contents">One byte a child.</param>
    public static async Task<QuorumBed> OpenAsync(string options, params byte[] contents)
    {
        var bed = new QuorumBed();
        var context = new TestNodeContext(bed._host) { NodeName = "q" };
        foreach (var content in contents)
        {
            var bytes = new byte[Length];
            bytes.AsSpan().Fill(content);
            context.Children.Add($"c{bed._children.Count}", bed.Child(new MemoryImage(bytes)));
        }

        var children = string.Join(',', contents.Select((_, i) => $"\"c{i}\""));
        bed.Node = await PluginContents.Of(new QuorumPlugin()).Driver("quorum")
            .OpenAsync(context, JsonDocument.Parse($$"""{"children":[{{children}}]{{options}}}""").RootElement, default);
        return bed;
    }

    public FailingChild Child(MemoryImage image)
    {
        var number = _children.Count;
        _images.Add(image);
        _children.Add(
            new FailingChild(new MemoryChild(image, $"children.{number}", BlockChildRole.Data) { NodeName = $"c{number}" }));
        return _children[^1];
    }

    public byte ByteOf(int child, long offset = 0) => _images[child].Read(offset, 1)[0];

    public void Corrupt(int child, long offset, byte value) => _images[child].Write(offset, new[] { value });

    public async Task<byte[]> ReadAsync(long offset, int length)
    {
        var target = new byte[length];
        await Node.ReadAsync(offset, target, ReadFlags.None, default);
        return target;
    }
}
