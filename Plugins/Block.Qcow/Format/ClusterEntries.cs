// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Qcow.Format;

/// <summary>
/// What an entry of a table says of a cluster:
/// <code>
///    0                                                      nothing is stored
///    bit 63 clear: offset in the file                       as it is
///    bit 63 set: bytes (cluster bits wide) │ offset         compressed: raw deflate
/// </code>
/// </summary>
internal readonly struct ClusterEntries(int clusterBits)
{
    private const ulong CompressedFlag = 1UL << 63;

    private readonly int _sizeShift = 63 - clusterBits;

    /// <summary>Places of compressed clusters are below it.</summary>
    public long PackedLimit => 1L << _sizeShift;

    public static bool IsCompressed(ulong entry) => (entry & CompressedFlag) != 0;

    public ulong Encode(long place, int bytes) => CompressedFlag | ((ulong)bytes << _sizeShift) | (ulong)place;

    public (long Place, int Bytes) Decode(ulong entry) =>
        ((long)(entry & (ulong)(PackedLimit - 1)), (int)((entry & ~CompressedFlag) >> _sizeShift));
}
