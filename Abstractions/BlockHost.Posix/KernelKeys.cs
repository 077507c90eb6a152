// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using BlockHost.Block;

namespace BlockHost.Posix;

/// <summary>Keys that Linux keeps in its keyrings (keyctl(2)).</summary>
public static unsafe class KernelKeys
{
    private const nuint Read = 11;

    private static nint CallNumber => RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 219 : 250;

    /// <exception cref="BlockException">There is no such key, or it is not ours to read.</exception>
    public static byte[] ReadKey(int serial)
    {
        // It may be replaced by a longer one between asking for its length and reading it.
        for (byte[] buffer = []; ;)
        {
            var length = Call(serial, buffer);
            if (length < 0)
                throw SystemError.Exception(SystemError.Last);
            if (length == buffer.Length)
                return buffer;
            CryptographicOperations.ZeroMemory(buffer);
            buffer = GC.AllocateArray<byte>((int)length, pinned: true);
        }
    }

    private static nint Call(int serial, byte[] buffer)
    {
        if (!OperatingSystem.IsLinux())
            throw new BlockException(BlockErrorKind.NotSupported, "Function not implemented", Errno.ENOSYS);
        fixed (byte* bytes = buffer)
            return Libc.syscall6(CallNumber, Read, (nuint)serial, (nuint)bytes, (nuint)buffer.Length, 0, 0);
    }
}
