// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins;

namespace BlockHost.Chain.Tests;

/// <summary>The protocol "cut": <see cref="CutDisks"/> by file names such as cut:top.</summary>
internal sealed class CutPlugin(CutDisks disks) : Plugin
{
    public override PluginIdentity Identity { get; } = new("test.cut", "1.0.0", "Disks whose power is cut");

    public override void Register(IPluginRegistry registry) => registry.Add(new CutDriver(disks));
}

internal sealed record CutOptions
{
    [JsonPropertyName("filename")]
    public required string FileName { get; init; }
}

[JsonSerializable(typeof(CutOptions))]
internal sealed partial class CutJson : JsonSerializerContext;

internal sealed class CutDriver(CutDisks disks) : BlockDriver<CutOptions>
{
    public const string Prefix = "cut";

    public override string FormatName => Prefix;

    public override BlockDriverKind Kind => BlockDriverKind.Protocol;

    public override Concurrency Concurrency => Concurrency.Parallel;

    public override IReadOnlyList<string> FileNamePrefixes => [Prefix];

    public override IReadOnlyList<string> StrongOptions => ["filename"];

    protected override JsonTypeInfo<CutOptions> TypedOptionsType => CutJson.Default.CutOptions;

    public override bool TryParseFileName(string fileName, [NotNullWhen(true)] out JsonElement? options)
    {
        options = JsonSerializer.SerializeToElement(new CutOptions { FileName = fileName[(Prefix.Length + 1)..] }, CutJson.Default.CutOptions);
        return true;
    }

    protected override ValueTask<BlockNode> OpenAsync(IBlockNodeContext context, CutOptions options, CancellationToken cancellationToken) =>
        new(new CutNode(disks, options.FileName, disks.Open(options.FileName), context.ReadOnly));
}

internal sealed class CutNode(CutDisks disks, string name, MemoryImage disk, bool readOnly) : BlockNode, IResizable, IReopenable
{
    private bool _readOnly = readOnly;

    public override BlockProfile Profile => new()
    {
        Length = disk.Length,
        Writable = !_readOnly,
        Growable = true,
        Flush = Support.Native,
        WriteZeroes = Support.Native,
        Discard = Support.Native,
    };

    public override string FileName => $"{CutDriver.Prefix}:{name}";

    public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        disk.Read(offset, target);
        return ValueTask.CompletedTask;
    }

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken) => Change(() => disk.Write(offset, source));

    public override ValueTask FlushAsync(CancellationToken cancellationToken) => Change(disk.Flush);

    public override ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken) => Change(() => disk.WriteZeroes(offset, bytes));

    public override ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken) => Change(() => disk.WriteZeroes(offset, bytes));

    public ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken) => Change(() => disk.Resize(length));

    public ValueTask<IReopenStep> PrepareReopenAsync(IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken) =>
        new(new Reopen(this, context.ReadOnly));

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private ValueTask Change(Action change)
    {
        try
        {
            disks.Change(change);
            return ValueTask.CompletedTask;
        }
        catch (BlockException e)
        {
            return ValueTask.FromException(e);
        }
    }

    private sealed class Reopen(CutNode node, bool readOnly) : IReopenStep
    {
        public void Commit() => node._readOnly = readOnly;

        public ValueTask AbortAsync() => ValueTask.CompletedTask;
    }
}
