// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;

namespace BlockHost.Plugins.Block.Vhdx.Format;

/// <summary>
/// What a differencing image says of its parent ([MS-VHDX] 2.6.2.6), keys and values in UTF-16:
/// <code>
///   0 type (16)    18 count (2)    20 entries: key's offset (4), value's offset (4), key's length (2), value's length (2)
/// </code>
/// </summary>
internal sealed class ParentLocator
{
    public const int MostBytes = 1 << 20;

    private const int EntriesAt = 20;
    private const int EntrySize = 12;

    private readonly Dictionary<string, string> _values = [];

    /// <exception cref="FormatException">The bytes are no locator.</exception>
    public ParentLocator(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < EntriesAt || new Guid(bytes[..16]) != TypeId)
            throw new FormatException();
        var count = BinaryPrimitives.ReadUInt16LittleEndian(bytes[18..]);
        for (var i = 0; i < count; i++)
        {
            var entry = Part(bytes, EntriesAt + i * EntrySize, EntrySize);
            var key = Text(bytes, entry, 0, 8);
            _values[key] = Text(bytes, entry, 4, 10);
        }
    }

    public static Guid TypeId { get; } = new("B04AEFB7-D19E-4A81-B789-25B8E9445913");

    /// <summary>
    /// Whether that is what the parent's header has for <see cref="VhdxHeader.DataWriteId"/>, as long as the parent has not
    /// changed.
    /// </summary>
    public bool IsLinkedTo(Guid dataWriteId) =>
        Linkage("parent_linkage") == dataWriteId || Linkage("parent_linkage2") == dataWriteId;

    /// <summary>The parent's path from the image's folder.</summary>
    public string? RelativePath => _values.GetValueOrDefault("relative_path");

    private Guid? Linkage(string key) => Guid.TryParse(_values.GetValueOrDefault(key), out var id) ? id : null;

    private static string Text(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> entry, int offsetAt, int lengthAt)
    {
        var offset = BinaryPrimitives.ReadUInt32LittleEndian(entry[offsetAt..]);
        var length = BinaryPrimitives.ReadUInt16LittleEndian(entry[lengthAt..]);
        return Encoding.Unicode.GetString(Part(bytes, offset, length));
    }

    private static ReadOnlySpan<byte> Part(ReadOnlySpan<byte> bytes, long offset, int length) =>
        offset <= bytes.Length - length ? bytes.Slice((int)offset, length) : throw new FormatException();
}
