// SPDX-License-Identifier: MIT
using System.IO.Pipelines;
using System.Threading.Channels;
using BlockHost.Chardevs;

namespace BlockHost.Core.Chardevs.Mux;

/// <summary>One monitor's part of a multiplexed device: a stream for each client that the device has.</summary>
internal sealed class MuxFrontend(MuxChardev mux) : Chardev(mux.Id)
{
    private readonly Channel<Stream> _streams = Channel.CreateUnbounded<Stream>();
    private Pipe? _input;

    public override string FileName => mux.FileName;

    public override string QomType => mux.QomType;

    public override async ValueTask<Stream?> AcceptAsync(CancellationToken cancellationToken) =>
        await _streams.Reader.ReadAsync(cancellationToken).ConfigureAwait(false);

    public override void SendBreak() => mux.SendBreak();

    /// <summary>The device has a client.</summary>
    public void Connect(Stream client)
    {
        _input = new Pipe();
        _streams.Writer.TryWrite(new DuplexStream(_input.Reader.AsStream(), new Output(mux, client)));
    }

    /// <summary>It has gone.</summary>
    public void Disconnect() => Interlocked.Exchange(ref _input, null)?.Writer.Complete();

    /// <summary>Waits while the monitor has not read what came before.</summary>
    public async ValueTask TakeAsync(ReadOnlyMemory<byte> typed, CancellationToken cancellationToken)
    {
        if (_input is { } input)
            await input.Writer.WriteAsync(typed, cancellationToken).ConfigureAwait(false);
    }

    private sealed class Output(MuxChardev mux, Stream client) : SequentialStream
    {
        public override bool CanRead => false;

        public override void Write(byte[] buffer, int offset, int count) =>
            mux.WriteAsync(client, buffer.AsMemory(offset, count), CancellationToken.None).AsTask().GetAwaiter().GetResult();

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            mux.WriteAsync(client, buffer, cancellationToken);

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
