// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Crypto.Luks;

/// <summary>Where a header and its key material lie in a file.</summary>
/// <param name="start">Byte of the file.</param>
/// <param name="isDetached">The disk is not behind the header.</param>
/// <param name="length">Bytes that are the header's and its key material's.</param>
public sealed class LuksArea(IBlockChild file, long start = 0, bool isDetached = false, long length = long.MaxValue)
{
    public bool IsDetached => isDetached;

    /// <summary>Where the header says that the disk begins, key material ends: QEMU goes by that in qcow2 images too.</summary>
    internal bool NamesPayload => !isDetached || length != long.MaxValue;

    /// <exception cref="BlockException">There is no header, or one that makes no sense.</exception>
    public async ValueTask<LuksHeader> ReadHeaderAsync(CancellationToken cancellationToken)
    {
        var bytes = new byte[LuksHeader.Bytes];
        await file.ReadAsync(start, bytes, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        var header = LuksHeader.Parse(bytes);
        var end = NamesPayload ? Math.Min(header.PayloadOffset, length) : length;
        LuksHeaderChecks.Require(header, end, isDetached: !NamesPayload);
        return header;
    }

    public async ValueTask WriteHeaderAsync(LuksHeader header, CancellationToken cancellationToken)
    {
        var bytes = new byte[LuksHeader.Bytes];
        header.Write(bytes);
        await file.WriteAsync(start, bytes, WriteFlags.None, cancellationToken).ConfigureAwait(false);
        await file.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    internal async ValueTask<byte[]> ReadMaterialAsync(LuksHeader header, int slot, CancellationToken cancellationToken)
    {
        var material = GC.AllocateArray<byte>((int)header.MaterialBytes, pinned: true);
        await file.ReadAsync(Place(header, slot), material, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        return material;
    }

    internal async ValueTask WriteMaterialAsync(
        LuksHeader header, int slot, byte[] material, CancellationToken cancellationToken)
    {
        await file.WriteAsync(Place(header, slot), material, WriteFlags.None, cancellationToken).ConfigureAwait(false);
        await file.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    private long Place(LuksHeader header, int slot) => start + (long)header.Slots[slot].KeySector * LuksHeader.SectorBytes;
}
