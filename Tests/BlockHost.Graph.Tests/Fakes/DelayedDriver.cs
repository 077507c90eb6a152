// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization.Metadata;
using System.Threading.Tasks.Sources;
using BlockHost.Block;

namespace BlockHost.Graph.Tests.Fakes;

/// <summary>Reads complete when the test says so, without allocation.</summary>
internal sealed class DelayedDriver : BlockDriver<MemoryOptions>
{
    public static DelayedNode? Last { get; private set; }

    public override string FormatName => "delayed";

    public override BlockDriverKind Kind => BlockDriverKind.Protocol;

    protected override JsonTypeInfo<MemoryOptions> TypedOptionsType => FakesJson.Default.MemoryOptions;

    protected override ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, MemoryOptions options, CancellationToken cancellationToken) =>
        new(Last = new DelayedNode());
}

internal sealed class DelayedNode : BlockNode, IValueTaskSource
{
    private ManualResetValueTaskSourceCore<bool> _core;

    public override BlockProfile Profile { get; } = new() { Length = 1 << 20 };

    public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken) =>
        new(this, _core.Version);

    public void Complete() => _core.SetResult(true);

    public void GetResult(short token)
    {
        _core.GetResult(token);
        _core.Reset();
    }

    public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
