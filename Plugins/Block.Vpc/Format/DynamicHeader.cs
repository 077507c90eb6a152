// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;

namespace BlockHost.Plugins.Block.Vpc.Format;

/// <summary>
/// Header of an image that grows ("Dynamic Disk Header Format", big-endian):
/// <code>
///    0 "cxsparse"    16 offset of table    32 block size    40 parent's UUID     64 parent's name, UTF-16 (512)
///    8 ff…ff         24 version            36 checksum      56 parent's time    576 eight locators of 24 bytes
///                    28 entries
/// </code>
/// A locator: code (4), room in sectors or bytes (4), length (4), reserved (4), offset in the file (8).
/// </summary>
internal sealed class DynamicHeader(byte[] bytes)
{
    public const int Size = 1024;

    private const int ChecksumAt = 36;
    private const int LongestName = 4096;
    private const int LongestTitle = 255;
    private const int LocatorsAt = 576;
    private const int LocatorSize = 24;
    private const int Locators = 8;

    private static ReadOnlySpan<byte> RelativePath => "W2ru"u8;

    private static ReadOnlySpan<byte> AbsolutePath => "W2ku"u8;

    public bool HasMagic => bytes.AsSpan().StartsWith("cxsparse"u8);

    public long TableOffset => BinaryPrimitives.ReadInt64BigEndian(bytes.AsSpan(16));

    public uint Entries => BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(28));

    public uint BlockSize => BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(32));

    public bool IsIntact => Checksum.Of(bytes, ChecksumAt) == BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(ChecksumAt));

    public Guid ParentId => new(bytes.AsSpan(40, 16), bigEndian: true);

    /// <summary>As the system that made the image shows it.</summary>
    public string ParentName => Encoding.BigEndianUnicode.GetString(bytes, 64, 512).Split('\0')[0];

    /// <summary>
    /// Where the parent's path lies, UTF-16 little-endian: that which counts from this image's folder (W2ru), or the absolute one
    /// (W2ku).
    /// </summary>
    public (long Offset, int Length)? ParentPath => FindLocator(RelativePath) ?? FindLocator(AbsolutePath);

    public static DynamicHeader New(long tableOffset, long entries, int blockSize)
    {
        var bytes = new byte[Size];
        "cxsparse"u8.CopyTo(bytes);
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(8), -1);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(24), 0x10000);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(32), blockSize);
        return new DynamicHeader(bytes).WithTable(tableOffset, entries);
    }

    public byte[] ToBytes() => [.. bytes];

    /// <summary>The same image over a parent.</summary>
    /// <param name="time">In seconds, as a footer has it.</param>
    /// <param name="path">Its bytes lie in the file at an offset.</param>
    public DynamicHeader WithParent(Guid id, uint time, string path, long pathOffset)
    {
        var copy = ToBytes();
        id.TryWriteBytes(copy.AsSpan(40), bigEndian: true, out _);
        BinaryPrimitives.WriteUInt32BigEndian(copy.AsSpan(56), time);
        var name = path[(path.LastIndexOf('\\') + 1)..];
        Encoding.BigEndianUnicode.GetBytes(name.AsSpan(0, Math.Min(name.Length, LongestTitle)), copy.AsSpan(64));
        var locator = copy.AsSpan(LocatorsAt, LocatorSize);
        (path.StartsWith('\\') ? AbsolutePath : RelativePath).CopyTo(locator);
        // The specification counts sectors here; what Windows and VirtualBox write is bytes.
        BinaryPrimitives.WriteUInt32BigEndian(locator[4..], (uint)RoomOf(path));
        BinaryPrimitives.WriteUInt32BigEndian(locator[8..], (uint)Encoding.Unicode.GetByteCount(path));
        BinaryPrimitives.WriteInt64BigEndian(locator[16..], pathOffset);
        return new DynamicHeader(copy).WithTable(TableOffset, Entries);
    }

    /// <summary>Bytes that a parent's path takes of the file.</summary>
    public static long RoomOf(string path) => DynamicDisk.RoundUp(Encoding.Unicode.GetByteCount(path));

    /// <summary>The same image with its table elsewhere. What changes lies in the first sector.</summary>
    public DynamicHeader WithTable(long offset, long entries)
    {
        var copy = ToBytes();
        BinaryPrimitives.WriteInt64BigEndian(copy.AsSpan(16), offset);
        BinaryPrimitives.WriteUInt32BigEndian(copy.AsSpan(28), (uint)entries);
        BinaryPrimitives.WriteUInt32BigEndian(copy.AsSpan(ChecksumAt), Checksum.Of(copy, ChecksumAt));
        return new DynamicHeader(copy);
    }

    private (long Offset, int Length)? FindLocator(ReadOnlySpan<byte> code)
    {
        for (var at = LocatorsAt; at < LocatorsAt + (Locators * LocatorSize); at += LocatorSize)
        {
            var length = BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(at + 8));
            if (bytes.AsSpan(at, 4).SequenceEqual(code) && length is > 0 and <= LongestName)
                return (BinaryPrimitives.ReadInt64BigEndian(bytes.AsSpan(at + 16)), (int)length);
        }

        return null;
    }
}
