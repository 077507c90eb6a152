// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Crypto.Sectors;
using BlockHost.Formats;

namespace BlockHost.Plugins.Block.Qcow;

/// <summary>The old AES of qcow images: a sector's number is its place on the disk, so that data can move in the file.</summary>
/// <param name="cipher">Null: the image is open for looking at all but its data.</param>
internal sealed class DiskCipher(SectorCipher? cipher) : IDataCipher
{
    private readonly SectorRequests? _requests = cipher is null ? null : new SectorRequests(cipher);

    public bool IsLocked => cipher is null;

    private SectorRequests Requests => _requests
        ?? throw new BlockException(BlockErrorKind.PermissionDenied, "The image was opened without its key");

    public ValueTask DecryptAsync(long offset, IoSlice data) => Requests.DecryptAsync(data, Number(offset));

    public ValueTask EncryptAsync(long offset, IoSlice source, Memory<byte> target) =>
        Requests.EncryptAsync(source, target, Number(offset));

    public void Dispose() => cipher?.Dispose();

    private static ulong Number(long offset) => (ulong)offset / SectorCipher.SectorBytes;
}
