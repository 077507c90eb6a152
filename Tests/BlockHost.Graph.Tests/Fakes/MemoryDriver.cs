// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Graph.Tests.Fakes;

internal sealed record MemoryOptions
{
    [JsonPropertyName("size")]
    public long? Size { get; init; }

    /// <summary>Disks of one name share their bytes, as files do.</summary>
    [JsonPropertyName("filename")]
    public string? FileName { get; init; }
}

[JsonSerializable(typeof(MemoryOptions))]
[JsonSerializable(typeof(LayerOptions))]
internal sealed partial class FakesJson : JsonSerializerContext;

/// <summary>A protocol driver whose disks lie in memory, and whose behaviour tests set.</summary>
internal sealed class MemoryDriver : BlockDriver<MemoryOptions>
{
    public override string FormatName => Name;

    public string Name { get; init; } = "memory";

    public override BlockDriverKind Kind => BlockDriverKind.Protocol;

    public override Concurrency Concurrency => NodeConcurrency;

    public Concurrency NodeConcurrency { get; init; } = Concurrency.Parallel;

    public Func<BlockProfile, BlockProfile> Shape { get; set; } = profile => profile;

    public List<MemoryNode> Opened { get; } = [];

    public Func<MemoryNode, ValueTask>? BeforeRequest { get; set; }

    public Exception? FailOpen { get; set; }

    public Dictionary<string, byte[]> Files { get; } = [];

    protected override JsonTypeInfo<MemoryOptions> TypedOptionsType => FakesJson.Default.MemoryOptions;

    public override IReadOnlyList<string> StrongOptions => ["filename", "size"];

    protected override ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, MemoryOptions options, CancellationToken cancellationToken)
    {
        if (FailOpen is not null)
            throw FailOpen;
        var node = new MemoryNode(this, context, options);
        Opened.Add(node);
        return new(node);
    }
}

internal sealed class MemoryNode : BlockNode, IResizable
{
    private readonly MemoryDriver _driver;
    private readonly IBlockNodeContext _context;
    private readonly string? _fileName;
    private long _length;
    private BlockProfile _profile;
    private int _running;

    public MemoryNode(MemoryDriver driver, IBlockNodeContext context, MemoryOptions options)
    {
        _driver = driver;
        _context = context;
        _fileName = options.FileName;
        Bytes = options.FileName is { } name && driver.Files.TryGetValue(name, out var file)
            ? file
            : new byte[options.Size ?? 1 << 20];
        _length = Bytes.Length;
        _profile = MakeProfile();
    }

    public byte[] Bytes { get; private set; }

    public IBlockNodeContext Context => _context;

    public bool IsClosed { get; private set; }

    public int Reads;

    public int Writes;

    public int Flushes;

    public int MostAtOnce;

    public List<(long Offset, long Bytes)> Zeroed { get; } = [];

    public List<(long Offset, long Bytes)> Discarded { get; } = [];

    public List<string> PermissionCalls { get; } = [];

    public int DrainDepth { get; private set; }

    public override BlockProfile Profile => _profile;

    public override string? FileName => _fileName;

    public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        Reads++;
        if (_driver.BeforeRequest is not null)
            return SlowRead(offset, target);
        Copy(offset, target);
        return ValueTask.CompletedTask;
    }

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        Writes++;
        if (_driver.BeforeRequest is not null)
            return SlowWrite(offset, source);
        Store(offset, source);
        return ValueTask.CompletedTask;
    }

    public override ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        Flushes++;
        return ValueTask.CompletedTask;
    }

    public override ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        Zeroed.Add((offset, bytes));
        if (ZeroesNotSupported)
            throw new BlockException(BlockErrorKind.NotSupported, "no");
        Bytes.AsSpan((int)offset, (int)bytes).Clear();
        return ValueTask.CompletedTask;
    }

    public bool ZeroesNotSupported { get; set; }

    public override ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        Discarded.Add((offset, bytes));
        return ValueTask.CompletedTask;
    }

    public ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        Grow(length);
        _length = length;
        _profile = MakeProfile();
        return ValueTask.CompletedTask;
    }

    public override ValueTask DrainBeginAsync(CancellationToken cancellationToken)
    {
        DrainDepth++;
        return ValueTask.CompletedTask;
    }

    public override void DrainEnd() => DrainDepth--;

    public Exception? RefusePermissions { get; set; }

    public override ValueTask PreparePermissionsAsync(BlockPermissionSet permissions, CancellationToken cancellationToken)
    {
        if (RefusePermissions is not null)
            throw RefusePermissions;
        PermissionCalls.Add($"prepare {permissions.Needed}");
        return ValueTask.CompletedTask;
    }

    public override void CommitPermissions() => PermissionCalls.Add("commit");

    public override void AbortPermissions() => PermissionCalls.Add("abort");

    public override ValueTask DisposeAsync()
    {
        IsClosed = true;
        return ValueTask.CompletedTask;
    }

    private BlockProfile MakeProfile() => _driver.Shape(new BlockProfile
    {
        Length = _length,
        Writable = !_context.ReadOnly,
        Flush = Support.Native,
        Discard = Support.Native,
    });

    private ValueTask SlowRead(long offset, IoSlice target) => Slow(() => Copy(offset, target));

    private ValueTask SlowWrite(long offset, IoSlice source) => Slow(() => Store(offset, source));

    private async ValueTask Slow(Action action)
    {
        var running = Interlocked.Increment(ref _running);
        InterlockedMax(ref MostAtOnce, running);
        try
        {
            await _driver.BeforeRequest!(this);
            ObjectDisposedException.ThrowIf(IsClosed, this);
            action();
        }
        finally
        {
            Interlocked.Decrement(ref _running);
        }
    }

    private void Copy(long offset, IoSlice target)
    {
        lock (this)
        {
            var stored = Bytes.AsSpan((int)Math.Min(offset, Bytes.Length));
            target.Clear();
            target.CopyFrom(stored[..(int)Math.Min(stored.Length, target.Length)]);
        }
    }

    private void Store(long offset, IoSlice source)
    {
        lock (this)
        {
            Grow(offset + source.Length);
            source.CopyTo(Bytes.AsSpan((int)offset));
        }
    }

    private void Grow(long length)
    {
        if (length <= Bytes.Length)
            return;
        var bytes = Bytes;
        Array.Resize(ref bytes, (int)length);
        Bytes = bytes;
    }

    private static void InterlockedMax(ref int target, int value)
    {
        for (var seen = Volatile.Read(ref target); value > seen;)
        {
            var current = Interlocked.CompareExchange(ref target, value, seen);
            if (current == seen)
                return;
            seen = current;
        }
    }
}
