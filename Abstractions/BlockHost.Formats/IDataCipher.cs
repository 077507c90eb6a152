// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Formats;

/// <summary>Encrypts what a disk stores, whole sectors, each by its place on the disk.</summary>
public interface IDataCipher : IDisposable
{
    const int SectorBytes = 512;

    /// <param name="offset">On the disk.</param>
    /// <param name="data">Decrypted in place.</param>
    ValueTask DecryptAsync(long offset, IoSlice data);

    /// <param name="target">As long as the source, which stays as it is.</param>
    ValueTask EncryptAsync(long offset, IoSlice source, Memory<byte> target);
}
