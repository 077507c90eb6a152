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
    private const string Linkage1 = "parent_linkage";
    private const string RelativePath = "relative_path";
    private const string AbsolutePath = "absolute_win32_path";

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
        Linkage(Linkage1) == dataWriteId || Linkage("parent_linkage2") == dataWriteId;

    /// <summary>The parent's path from the image's folder, or else the absolute one.</summary>
    public string? Path => _values.GetValueOrDefault(RelativePath) ?? _values.GetValueOrDefault(AbsolutePath);

    /// <summary>The bytes of a locator.</summary>
    /// <param name="path">As <see cref="Path"/>: one that begins with a separator is absolute.</param>
    public static byte[] Write(Guid dataWriteId, string path)
    {
        (string Key, string Value)[] values =
            [(Linkage1, dataWriteId.ToString("B")), (path.StartsWith('\\') ? AbsolutePath : RelativePath, path)];
        var texts = new List<byte>();
        var bytes = new byte[EntriesAt + values.Length * EntrySize];
        TypeId.TryWriteBytes(bytes);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(18), (ushort)values.Length);
        for (var i = 0; i < values.Length; i++)
        {
            var entry = bytes.AsSpan(EntriesAt + i * EntrySize);
            Add(entry, values[i].Key, 0, 8);
            Add(entry, values[i].Value, 4, 10);
        }

        return [.. bytes, .. texts];

        void Add(Span<byte> entry, string text, int offsetAt, int lengthAt)
        {
            BinaryPrimitives.WriteInt32LittleEndian(entry[offsetAt..], bytes.Length + texts.Count);
            BinaryPrimitives.WriteUInt16LittleEndian(entry[lengthAt..], (ushort)Encoding.Unicode.GetByteCount(text));
            texts.AddRange(Encoding.Unicode.GetBytes(text));
        }
    }

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
