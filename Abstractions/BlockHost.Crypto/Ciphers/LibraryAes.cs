// SPDX-License-Identifier: MIT
using System.Security.Cryptography;

namespace BlockHost.Crypto.Ciphers;

/// <summary>AES of the runtime's library, where the processor has no instructions that we know.</summary>
internal sealed class LibraryAes : BlockCipher
{
    private readonly Aes _aes = Aes.Create();

    public LibraryAes(ReadOnlySpan<byte> key) => _aes.SetKey(key);

    public override void Encrypt(ReadOnlySpan<byte> source, Span<byte> target) =>
        _aes.EncryptEcb(source, target, PaddingMode.None);

    public override void Decrypt(ReadOnlySpan<byte> source, Span<byte> target) =>
        _aes.DecryptEcb(source, target, PaddingMode.None);

    public override void Dispose() => _aes.Dispose();
}
