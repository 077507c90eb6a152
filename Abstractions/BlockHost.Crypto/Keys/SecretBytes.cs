// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace BlockHost.Crypto.Keys;

/// <summary>
/// Bytes that nobody else may see: in pages of their own, which never move, are neither swapped nor dumped where the system
/// allows it, and are zeroed before they are given back.
/// </summary>
public sealed unsafe partial class SecretBytes : IDisposable
{
    private const int PageBytes = 4096;

    private readonly nuint _reserved;
    private byte* _bytes;

    /// <param name="length">Bytes; they are zero at first.</param>
    public SecretBytes(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        Length = length;
        _reserved = ((nuint)length + PageBytes) / PageBytes * PageBytes;
        _bytes = (byte*)NativeMemory.AlignedAlloc(_reserved, PageBytes);
        NativeMemory.Clear(_bytes, _reserved);
        KeepInMemory(_bytes, _reserved);
    }

    ~SecretBytes() => Free();

    public int Length { get; }

    /// <exception cref="ObjectDisposedException">The bytes are gone.</exception>
    public Span<byte> Span => new(Address, Length);

    internal byte* Address
    {
        get
        {
            ObjectDisposedException.ThrowIf(_bytes is null, this);
            return _bytes;
        }
    }

    public static SecretBytes CopyOf(ReadOnlySpan<byte> bytes)
    {
        var copy = new SecretBytes(bytes.Length);
        bytes.CopyTo(copy.Span);
        return copy;
    }

    /// <summary>From the system's source of randomness.</summary>
    public static SecretBytes Random(int length)
    {
        var bytes = new SecretBytes(length);
        RandomNumberGenerator.Fill(bytes.Span);
        return bytes;
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (_bytes is null)
            return;
        CryptographicOperations.ZeroMemory(new Span<byte>(_bytes, Length));
        if (OperatingSystem.IsLinux())
            Unlock(_bytes, _reserved);
        NativeMemory.AlignedFree(_bytes);
        _bytes = null;
    }

    /// <summary>As far as the limits of the process go; without, the bytes are no worse off than any others.</summary>
    private static void KeepInMemory(byte* bytes, nuint length)
    {
        const int DontDump = 16;
        if (!OperatingSystem.IsLinux())
            return;
        _ = Lock(bytes, length);
        _ = Advise(bytes, length, DontDump);
    }

    [LibraryImport("libc", EntryPoint = "mlock")]
    private static partial int Lock(byte* address, nuint length);

    [LibraryImport("libc", EntryPoint = "munlock")]
    private static partial int Unlock(byte* address, nuint length);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(byte* address, nuint length, int advice);
}
