// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;

namespace BlockHost.Conformance.Tests.Sample;

public sealed record TransportOptions;

[JsonSerializable(typeof(TransportOptions))]
internal sealed partial class TransportJson : JsonSerializerContext;

/// <summary>The far end of a connection: answers, or (stalled) does not.</summary>
internal sealed class Peer
{
    private volatile bool _stalled;

    public void Stall() => _stalled = true;

    public Task AnswerAsync(Task broken) => _stalled ? broken : Task.CompletedTask;
}

/// <summary>A read-only disk of zeroes behind a connection.</summary>
internal sealed class TransportDriver(BlockErrorKind yankedAs) : BlockDriver<TransportOptions>
{
    public const int Length = 64 * 1024;

    private Peer _peer = new();

    public override string FormatName => "sample-transport";

    public override BlockDriverKind Kind => BlockDriverKind.Protocol;

    protected override JsonTypeInfo<TransportOptions> TypedOptionsType => TransportJson.Default.TransportOptions;

    public static BlockDriverSubject Subject(BlockErrorKind yankedAs = BlockErrorKind.Yanked)
    {
        var driver = new TransportDriver(yankedAs);
        return new BlockDriverSubject
        {
            Name = "sample transport",
            Driver = driver,
            ReadOnly = true,
            CreateImage = _ =>
            {
                driver._peer = new Peer();
                return new(new SubjectImage
                {
                    Options = JsonDocument.Parse("{}").RootElement,
                    Length = Length,
                    StallTransport = driver._peer.Stall,
                });
            },
        };
    }

    protected override ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, TransportOptions options, CancellationToken cancellationToken) =>
        new(new Node(context, _peer, yankedAs));

    private sealed class Node : BlockNode
    {
        private readonly TaskCompletionSource _broken = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly Peer _peer;
        private readonly BlockErrorKind _yankedAs;
        private readonly IDisposable _yank;

        public Node(IBlockNodeContext context, Peer peer, BlockErrorKind yankedAs)
        {
            (_peer, _yankedAs) = (peer, yankedAs);
            _yank = context.OnYank(ShutDown);
        }

        public override BlockProfile Profile { get; } = new() { Length = Length };

        public override async ValueTask ReadAsync(
            long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
        {
            await _peer.AnswerAsync(_broken.Task);
            target.Clear();
        }

        public override ValueTask DisposeAsync()
        {
            _yank.Dispose();
            ShutDown();
            return ValueTask.CompletedTask;
        }

        private void ShutDown() => _broken.TrySetException(new BlockException(_yankedAs, "the connection was shut"));
    }
}
