// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace BlockHost.Plugins.Block.Rbd.Native;

/// <summary>rbd_image_info_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ImageStatus
{
    public ulong Size;
    public ulong ObjectSize;
    public ulong ObjectCount;
    public int Order;
    public fixed byte BlockNamePrefix[24];
    public long ParentPool;
    public fixed byte ParentName[96];
}

/// <summary>rbd_snap_info_t; sizes in bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SnapshotEntry
{
    public ulong Id;
    public ulong Size;
    public nint Name;
}

/// <summary>rbd_encryption_format_t.</summary>
internal enum EncryptionFormat
{
    Luks1 = 0,
    Luks2 = 1,
}

/// <summary>rbd_encryption_algorithm_t.</summary>
internal enum EncryptionAlgorithm
{
    Aes128 = 0,
    Aes256 = 1,
}

/// <summary>rbd_encryption_luks1_format_options_t, and that of LUKS2.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct EncryptionOptions
{
    /// <summary>Looked at when an image is formatted, not when it is opened.</summary>
    public EncryptionAlgorithm Algorithm;
    public byte* Passphrase;
    public nuint PassphraseSize;
}
