// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;

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

    public Wait Resizing { get; } = new();

    public Wait Closing { get; } = new();

    public Wait Reading { get; } = new();

    protected override JsonTypeInfo<MemoryOptions> TypedOptionsType => FakesJson.Default.MemoryOptions;

    public void Answer() => _answer.TrySetResult();

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, MemoryOptions options, CancellationToken cancellationToken)
    {
        var yanked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        context.OnYank(() => yanked.TrySetException(new BlockException(BlockErrorKind.Yanked, "yanked")));
        _connecting.TrySetResult();
        await await Task.WhenAny(_answer.Task.WaitAsync(cancellationToken), yanked.Task);
        return new Node(this, yanked.Task);
    }

    /// <summary>A place where the server takes its time, once a test says so.</summary>
    internal sealed class Wait
    {
        private readonly TaskCompletionSource _arrived = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private TaskCompletionSource _answer = Answered();

        public Task Arrived => _arrived.Task.WaitAsync(TimeSpan.FromSeconds(30));

        public void Hold() => _answer = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Answer() => _answer.TrySetResult();

        public Task PassAsync()
        {
            _arrived.TrySetResult();
            return _answer.Task;
        }

        private static TaskCompletionSource Answered()
        {
            var answered = new TaskCompletionSource();
            answered.SetResult();
            return answered;
        }
    }

    private sealed class Node(RemoteDriver driver, Task yanked) : BlockNode, IResizable
    {
        private int _resizing;

        public override string FileName => "far://host";

        public override BlockProfile Profile => new() { Length = Length, Writable = true };

        private long Length { get; set; } = 4096;

        public async ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken)
        {
            Assert.Equal(1, Interlocked.Increment(ref _resizing));
            await driver.Resizing.PassAsync();
            Length = length;
            Interlocked.Decrement(ref _resizing);
        }

        public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
        {
            target.Clear();
            var answer = driver.Reading.PassAsync();
            return answer.IsCompleted ? ValueTask.CompletedTask : new ValueTask(Task.WhenAny(answer, yanked).Unwrap());
        }

        public override async ValueTask DisposeAsync()
        {
            await driver.Closing.PassAsync();
            driver.Closed++;
        }
    }
}
