// SPDX-License-Identifier: MIT
using BlockHost.Chardevs;
using BlockHost.Core.Descriptors;

namespace BlockHost.Core.Chardevs;

/// <summary>Reads from one stream and writes to another.</summary>
public sealed class DuplexStream(Stream input, Stream output) : SequentialStream, IReceivesDescriptors
{
    ReceivedDescriptors? IReceivesDescriptors.TakeReceived() => (input as IReceivesDescriptors)?.TakeReceived();

    public override int Read(byte[] buffer, int offset, int count) => input.Read(buffer, offset, count);

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        // A read from a terminal cannot be taken back: who no longer waits for it leaves it behind.
        var read = input.ReadAsync(buffer, cancellationToken);
        return read.IsCompleted
            ? await read.ConfigureAwait(false)
            : await read.AsTask().WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    public override void Write(byte[] buffer, int offset, int count) => output.Write(buffer, offset, count);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        output.WriteAsync(buffer, cancellationToken);

    public override void Flush() => output.Flush();

    public override Task FlushAsync(CancellationToken cancellationToken) => output.FlushAsync(cancellationToken);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            input.Dispose();
            output.Dispose();
        }

        base.Dispose(disposing);
    }
}
