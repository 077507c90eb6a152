// SPDX-License-Identifier: MIT
namespace BlockHost.Crypto.Ciphers;

/// <summary>A cipher with its key: blocks, each for itself. Any number of threads can use it at once.</summary>
internal abstract class BlockCipher : IDisposable
{
    public const int BlockBytes = CipherShape.BlockBytes;

    /// <param name="source">Whole blocks.</param>
    /// <param name="target">As long; the same memory or none of it.</param>
    public abstract void Encrypt(ReadOnlySpan<byte> source, Span<byte> target);

    /// <inheritdoc cref="Encrypt"/>
    public abstract void Decrypt(ReadOnlySpan<byte> source, Span<byte> target);

    public abstract void Dispose();
}
