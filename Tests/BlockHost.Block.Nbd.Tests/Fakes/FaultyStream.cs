// SPDX-License-Identifier: MIT
namespace BlockHost.Block.Nbd.Tests.Fakes;

public enum FaultAt
{
    Read,
    Write,
    WriteLater,
}

/// <summary>Fails once in a way that no transport should.</summary>
internal sealed class FaultyStream(Stream inner, FaultAt fault) : Stream
{
    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = await inner.ReadAsync(buffer, cancellationToken);
        return fault == FaultAt.Read ? throw Fault() : read;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => fault switch
    {
        FaultAt.Write => throw Fault(),
        FaultAt.WriteLater => LaterAsync(),
        _ => inner.WriteAsync(buffer, cancellationToken),
    };

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            inner.Dispose();
        base.Dispose(disposing);
    }

    private static async ValueTask LaterAsync()
    {
        await Task.Yield();
        throw Fault();
    }

    private static FormatException Fault() => new("broken by the test");
}
