// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Ssh.Sftp;

/// <summary>What comes, read ahead; data goes where it is wanted without a stop in between.</summary>
internal sealed class SftpInput(Stream stream)
{
    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(16 << 10);
    private int _start;
    private int _end;

    public async ValueTask<uint> NumberAsync(CancellationToken cancellationToken)
    {
        var bytes = await BytesAsync(sizeof(uint), cancellationToken).ConfigureAwait(false);
        return BinaryPrimitives.ReadUInt32BigEndian(bytes.Span);
    }

    public async ValueTask<ReadOnlyMemory<byte>> BytesAsync(int count, CancellationToken cancellationToken)
    {
        var bytes = new byte[count];
        await FillAsync(bytes, cancellationToken).ConfigureAwait(false);
        return bytes;
    }

    public async ValueTask FillAsync(IoSlice target)
    {
        foreach (var segment in target)
            await FillAsync(segment, CancellationToken.None).ConfigureAwait(false);
    }

    private async ValueTask FillAsync(Memory<byte> target, CancellationToken cancellationToken)
    {
        while (!target.IsEmpty)
        {
            if (_start == _end && target.Length >= _buffer.Length)
            {
                var read = await stream.ReadAsync(target, cancellationToken).ConfigureAwait(false);
                target = target[Some(read)..];
                continue;
            }

            if (_start == _end)
                (_start, _end) = (0, Some(await stream.ReadAsync(_buffer, cancellationToken).ConfigureAwait(false)));
            var count = Math.Min(target.Length, _end - _start);
            _buffer.AsMemory(_start, count).CopyTo(target);
            _start += count;
            target = target[count..];
        }
    }

    private static int Some(int read) => read > 0 ? read : throw new EndOfStreamException("the other side has closed it");
}
