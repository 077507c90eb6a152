// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace BlockHost.Plugins.Block.Vdi.Format;

/// <summary>
/// The first sector of an image, little-endian (version 1.1, as VirtualBox writes it; there is no official text):
/// <code>
///     0 text          76 type            340 offset of map     360 sector size     380 block extra       392 UUID
///    64 signature     80 flags           344 offset of data    368 disk size       384 blocks            408 UUID of last change
///    68 version       84 comment         348 C/H/S             376 block size      388 allocated         424 UUID of parent
///    72 header size                                                                                      440 parent's change
/// </code>
/// What this type does not name stays as it is.
/// </summary>
internal sealed class VdiHeader(byte[] sector)
{
    public const int Size = 512;
    public const int SectorSize = 512;
    public const int DefaultBlockSize = 1 << 20;
    public const uint Version11 = 0x00010001;

    private const int SignatureAt = 64;
    private const uint Signature = 0xbeda107f;
    private const int UuidSize = 16;

    /// <summary>The sector with the changes made so far. A copy.</summary>
    public byte[] ToBytes() => [.. sector];

    public VdiHeader Clone() => new(ToBytes());

    public uint SignatureField => Get(SignatureAt);

    public uint Version => Get(68);

    public VdiType Type => (VdiType)Get(76);

    public uint MapOffset { get => Get(340); set => Set(340, value); }

    public uint DataOffset { get => Get(344); set => Set(344, value); }

    public uint Sector => Get(360);

    public ulong DiskSize
    {
        get => BinaryPrimitives.ReadUInt64LittleEndian(sector.AsSpan(368));
        set => BinaryPrimitives.WriteUInt64LittleEndian(sector.AsSpan(368), value);
    }

    public uint BlockSize => Get(376);

    public uint BlockExtra => Get(380);

    public uint Blocks { get => Get(384); set => Set(384, value); }

    /// <summary>Places in use, and so the place that the next new block gets.</summary>
    public uint Allocated { get => Get(388); set => Set(388, value); }

    public Guid Id => Uuid(392);

    public Guid ChangeId => Uuid(408);

    /// <summary>UUID of the parent of a differencing image.</summary>
    public Guid ParentId { get => Uuid(424); set => SetUuid(424, value); }

    public Guid ParentChangeId { get => Uuid(440); set => SetUuid(440, value); }

    public bool IsDifferencing => ParentId != Guid.Empty || ParentChangeId != Guid.Empty;

    /// <summary>Bytes, in whole sectors: VBoxManage writes other sizes.</summary>
    public long Length => (long)(DiskSize + SectorSize - 1) / SectorSize * SectorSize;

    public static bool HasSignature(ReadOnlySpan<byte> head) =>
        head.Length >= Size && BinaryPrimitives.ReadUInt32LittleEndian(head[SignatureAt..]) == Signature;

    /// <summary>As QEMU makes it; the caller fills in what depends on the disk.</summary>
    public static VdiHeader New(VdiType type)
    {
        var header = new VdiHeader(new byte[Size]);
        header.SetText();
        header.Set(SignatureAt, Signature);
        header.Set(68, Version11);
        header.Set(72, 0x180);
        header.Set(76, (uint)type);
        header.Set(360, SectorSize);
        header.Set(376, DefaultBlockSize);
        header.SetUuid(392, Guid.NewGuid());
        header.SetUuid(408, Guid.NewGuid());
        return header;
    }

    private void SetText() => "<<< QEMU VM Virtual Disk Image >>>\n"u8.CopyTo(sector);

    private uint Get(int at) => BinaryPrimitives.ReadUInt32LittleEndian(sector.AsSpan(at));

    private void Set(int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(sector.AsSpan(at), value);

    private Guid Uuid(int at) => new(sector.AsSpan(at, UuidSize));

    private void SetUuid(int at, Guid value) => value.TryWriteBytes(sector.AsSpan(at));
}

internal enum VdiType : uint
{
    Dynamic = 1,

    /// <summary>All blocks are stored.</summary>
    Static = 2,

    Differencing = 4,
}
