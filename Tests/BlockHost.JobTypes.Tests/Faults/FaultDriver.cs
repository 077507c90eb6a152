// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins;

namespace BlockHost.JobTypes.Tests.Faults;

/// <summary>The protocol "fault": disks by file names such as fault:top, made when they are first named.</summary>
internal sealed class FaultPlugin(int seed) : Plugin
{
    private readonly ConcurrentDictionary<string, FaultDisk> _disks = [];

    public override PluginIdentity Identity { get; } = new("test.fault", "1.0.0", "Disks that fail");

    public Traffic Traffic { get; } = new();

    public FaultDisk this[string name] => _disks.GetOrAdd(name, _ => new FaultDisk(seed, Traffic));

    public override void Register(IPluginRegistry registry) => registry.Add(new FaultDriver(this));
}

internal sealed record FaultOptions
{
    [JsonPropertyName("filename")]
    public required string FileName { get; init; }
}

[JsonSerializable(typeof(FaultOptions))]
internal sealed partial class FaultJson : JsonSerializerContext;

internal sealed class FaultDriver(FaultPlugin disks) : BlockDriver<FaultOptions>
{
    public const string Prefix = "fault";

    public override string FormatName => Prefix;

    public override BlockDriverKind Kind => BlockDriverKind.Protocol;

    public override Concurrency Concurrency => Concurrency.Parallel;

    public override IReadOnlyList<string> FileNamePrefixes => [Prefix];

    public override IReadOnlyList<string> StrongOptions => ["filename"];

    protected override JsonTypeInfo<FaultOptions> TypedOptionsType => FaultJson.Default.FaultOptions;

    public override bool TryParseFileName(string fileName, [NotNullWhen(true)] out JsonElement? options)
    {
        options = JsonSerializer.SerializeToElement(new FaultOptions { FileName = fileName[(Prefix.Length + 1)..] }, FaultJson.Default.FaultOptions);
        return true;
    }

    protected override ValueTask<BlockNode> OpenAsync(IBlockNodeContext context, FaultOptions options, CancellationToken cancellationToken) =>
        new(new FaultNode(options.FileName, disks[options.FileName], context.ReadOnly));
}

internal sealed class FaultNode(string name, FaultDisk disk, bool readOnly) : BlockNode, IResizable, IReopenable
{
    private bool _readOnly = readOnly;

    public override BlockProfile Profile => new()
    {
        Length = disk.Image.Length,
        Writable = !_readOnly,
        Growable = true,
        Flush = Support.Native,
        WriteZeroes = Support.Native,
        Discard = Support.Native,
    };

    public override string FileName => $"{FaultDriver.Prefix}:{name}";

    public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken) =>
        disk.DoAsync(FaultOn.Read, offset, target.Length, () => disk.Image.Read(offset, target));

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken) =>
        disk.DoAsync(FaultOn.Write, offset, source.Length, () => disk.Image.Write(offset, source));

    public override ValueTask FlushAsync(CancellationToken cancellationToken) => disk.DoAsync(FaultOn.Flush, 0, 0, disk.Image.Flush);

    public override ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken) =>
        disk.DoAsync(FaultOn.Zero, offset, bytes, () => disk.Image.WriteZeroes(offset, bytes));

    public override ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken) =>
        disk.DoAsync(FaultOn.Discard, offset, bytes, () => disk.Image.WriteZeroes(offset, bytes));

    public ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken) =>
        disk.DoAsync(FaultOn.Write, length, 0, () => disk.Image.Resize(length));

    public ValueTask<IReopenStep> PrepareReopenAsync(IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken) =>
        new(new Reopen(this, context.ReadOnly));

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private sealed class Reopen(FaultNode node, bool readOnly) : IReopenStep
    {
        public void Commit() => node._readOnly = readOnly;

        public ValueTask AbortAsync() => ValueTask.CompletedTask;
    }
}
