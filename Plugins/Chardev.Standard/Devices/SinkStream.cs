// SPDX-License-Identifier: MIT
using BlockHost.Chardevs;

namespace BlockHost.Plugins.Chardev.Standard.Devices;

/// <summary>Takes what is written; nothing ever comes from it until it is closed.</summary>
/// <param name="owned">Closed with the stream.</param>
internal sealed class SinkStream(SinkStream.Sink sink, IDisposable? owned = null) : SequentialStream
{
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public delegate void Sink(ReadOnlySpan<byte> bytes);

    public override int Read(byte[] buffer, int offset, int count)
    {
        _closed.Task.GetAwaiter().GetResult();
        return 0;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await _closed.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        return 0;
    }

    public override void Write(byte[] buffer, int offset, int count) => sink(buffer.AsSpan(offset, count));

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        sink(buffer.Span);
        return ValueTask.CompletedTask;
    }

    protected override void Dispose(bool disposing)
    {
        _closed.TrySetResult();
        owned?.Dispose();
        base.Dispose(disposing);
    }
}
