// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Vhdx.Log;

/// <summary>Goes through the changes of an entry, two sectors of which are in memory.</summary>
internal sealed class LogWalk(LogRing ring, LogEntry entry)
{
    private readonly byte[] _descriptors = new byte[LogFormat.SectorSize];
    private readonly byte[] _data = new byte[LogFormat.SectorSize];
    private long _nextData = LogFormat.SectorsBeforeData(entry.Descriptors);

    /// <summary>Looks at each change and, where told, makes it.</summary>
    /// <param name="apply">The file that takes the changes.</param>
    /// <returns>False: the entry is not whole.</returns>
    public async ValueTask<bool> RunAsync(IBlockChild? apply, CancellationToken cancellationToken)
    {
        for (long i = 0; i < entry.Descriptors; i++)
        {
            var (sector, at) = Math.DivRem(LogFormat.HeaderSize + i * LogFormat.DescriptorSize, LogFormat.SectorSize);
            if (i == 0 || at == 0)
                await ReadSectorAsync(sector, _descriptors, cancellationToken).ConfigureAwait(false);
            if (!LogDescriptor.TryRead(_descriptors.AsSpan((int)at), entry.Sequence, out var descriptor))
                return false;
            if (!descriptor.IsZeroes && !await TryReadDataAsync(descriptor, cancellationToken).ConfigureAwait(false))
                return false;
            // The file will be given the length that it needs.
            if (descriptor.FileOffset + descriptor.Bytes > Math.Max(ring.File.Length, entry.NeededLength))
                throw new BlockException(BlockErrorKind.Corrupt, "The VHDX log changes what is beyond the end of the file");
            if (apply is not null)
                await ApplyAsync(apply, descriptor, cancellationToken).ConfigureAwait(false);
        }

        return true;
    }

    private async ValueTask ApplyAsync(IBlockChild file, LogDescriptor descriptor, CancellationToken cancellationToken)
    {
        var offset = descriptor.FileOffset;
        if (descriptor.IsZeroes)
            await file.WriteZeroesAsync(offset, descriptor.Bytes, ZeroFlags.None, cancellationToken).ConfigureAwait(false);
        else
            await file.WriteAsync(offset, _data, WriteFlags.None, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The next sector of data, with the bytes that the descriptor keeps for it.</summary>
    private async ValueTask<bool> TryReadDataAsync(LogDescriptor descriptor, CancellationToken cancellationToken)
    {
        if ((_nextData + 1) * LogFormat.SectorSize > entry.Length)
            return false;
        await ReadSectorAsync(_nextData++, _data, cancellationToken).ConfigureAwait(false);
        var high = BinaryPrimitives.ReadUInt32LittleEndian(_data.AsSpan(4));
        var low = BinaryPrimitives.ReadUInt32LittleEndian(_data.AsSpan(LogFormat.SectorSize - LogFormat.TrailingBytes));
        if (!_data.AsSpan().StartsWith(LogFormat.DataSector) || ((ulong)high << 32 | low) != entry.Sequence)
            return false;
        BinaryPrimitives.WriteUInt64LittleEndian(_data, descriptor.Leading);
        BinaryPrimitives.WriteUInt32LittleEndian(
            _data.AsSpan(LogFormat.SectorSize - LogFormat.TrailingBytes), descriptor.Trailing);
        return true;
    }

    private ValueTask ReadSectorAsync(long sector, byte[] target, CancellationToken cancellationToken) =>
        ring.ReadAsync(entry.Position + sector * LogFormat.SectorSize, target, cancellationToken);
}
