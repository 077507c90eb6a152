// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Crypto.Sectors;

namespace BlockHost.Plugins.Block.Qcow2.Encryption;

/// <summary>
/// Encrypts clusters with data. A sector's number is where it lies in the file (LUKS) or on the disk (the old AES), so data that
/// moves in the file is encrypted anew with the one and not with the other.
/// </summary>
internal sealed class ImageCipher(SectorCipher cipher, bool countsOnDisk) : IDisposable
{
    private readonly SectorRequests _requests = new(cipher);

    /// <summary>A sector's number is its place in the file.</summary>
    public bool CountsInFile => !countsOnDisk;

    public ValueTask DecryptAsync(long hostOffset, long guestOffset, IoSlice data) =>
        _requests.DecryptAsync(data, Number(hostOffset, guestOffset));

    public ValueTask EncryptAsync(long hostOffset, long guestOffset, IoSlice source, Memory<byte> target) =>
        _requests.EncryptAsync(source, target, Number(hostOffset, guestOffset));

    public void Dispose() => cipher.Dispose();

    private ulong Number(long hostOffset, long guestOffset) =>
        (ulong)(countsOnDisk ? guestOffset : hostOffset) / SectorCipher.SectorBytes;
}
