// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;

namespace BlockHost.Graph.Tests.Fakes;

/// <summary>A protocol driver whose server answers when a test lets it; it can be yanked, and listens to its token.</summary>
internal sealed class RemoteDriver : BlockDriver<MemoryOptions>
{
    private readonly TaskCompletionSource _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _connecting = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public override string FormatName => "remote";

    public override BlockDriverKind Kind => BlockDriverKind.Protocol;

    /// <summary>Completes when a node waits for its server.</summary>
    public Task Connecting => _connecting.Task;

    public int Closed { get; private set; }

    protected override JsonTypeInfo<MemoryOptions> TypedOptionsType => FakesJson.Default.MemoryOptions;

    public void Answer() => _answer.TrySetResult();

    protected override async ValueTask<BlockNode> OpenAsync(IBlockNodeContext context, MemoryOptions options, CancellationToken cancellationToken)
    {
        var yanked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        context.OnYank(() => yanked.TrySetException(new BlockException(BlockErrorKind.Yanked, "yanked")));
        _connecting.TrySetResult();
        await await Task.WhenAny(_answer.Task.WaitAsync(cancellationToken), yanked.Task);
        return new Node(this);
    }

    private sealed class Node(RemoteDriver driver) : BlockNode
    {
        public override BlockProfile Profile { get; } = new() { Length = 4096 };

        public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
        {
            target.Clear();
            return ValueTask.CompletedTask;
        }

        public override ValueTask DisposeAsync()
        {
            driver.Closed++;
            return ValueTask.CompletedTask;
        }
    }
}
