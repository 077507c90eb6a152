// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace BlockHost.Plugins.Block.Vmdk.Format;

/// <summary>The text that describes an image: in a file of its own, or inside a sparse one.</summary>
internal sealed partial class Descriptor
{
    public const uint NoParent = 0xffffffff;

    /// <summary>Bytes that are read of one at the most, as in QEMU.</summary>
    public const int MaxSize = (1 << 20) - 1;

    private readonly string _text;

    private Descriptor(string text) => _text = text;

    /// <summary>Changes with the content: an overlay knows by it whether its backing file is still what it was.</summary>
    public uint ContentId { get; private init; }

    public bool HasContentId { get; private init; }

    /// <summary>Offset of its digits in the text, or -1.</summary>
    public int ContentIdOffset { get; private init; }

    /// <summary>QEMU does not write the first digits of a new image's id where they are zero.</summary>
    public int ContentIdDigits { get; private init; }

    public uint ParentContentId { get; private init; }

    public string? CreateType { get; private init; }

    public string? ParentFileName { get; private init; }

    /// <param name="bytes">Up to a first zero.</param>
    public static Descriptor Parse(ReadOnlySpan<byte> bytes)
    {
        var end = bytes.IndexOf((byte)0);
        // Names may be in any encoding: bytes stay what they are.
        var text = Encoding.Latin1.GetString(end < 0 ? bytes : bytes[..end]);
        var parent = ParentLine().Match(text);
        var own = ContentIdLine().Match(text);
        // As QEMU: an image with no line of its own has its parent's id. It cannot be given another.
        var cid = own.Success ? own : parent;
        return new Descriptor(text)
        {
            ContentId = cid.Success ? Hex(cid.Groups[1].Value) : NoParent,
            HasContentId = cid.Success,
            ContentIdOffset = own.Success ? own.Groups[1].Index : -1,
            ContentIdDigits = own.Groups[1].Length,
            ParentContentId = parent.Success ? Hex(parent.Groups[1].Value) : NoParent,
            CreateType = Quoted("createType"),
            ParentFileName = Quoted("parentFileNameHint") is { } name ? Name(name) : null,
        };

        string? Quoted(string key)
        {
            var start = text.IndexOf($"{key}=\"", StringComparison.Ordinal);
            if (start < 0)
                return null;
            start += key.Length + 2;
            var close = text.IndexOf('"', start);
            return close < 0 ? null : text[start..close];
        }
    }

    /// <summary>The lines that describe extents; of others nothing is asked.</summary>
    public IEnumerable<ExtentLine> Extents()
    {
        foreach (var line in _text.Split('\n'))
        {
            if (ExtentLine.TryParse(line) is { } extent)
                yield return extent;
        }
    }

    /// <param name="id">What it was.</param>
    /// <param name="digits">How many hexadecimal digits there is room for.</param>
    internal static uint AnotherId(uint id, int digits)
    {
        // All ones stands for no parent.
        var end = Math.Min(1L << (4 * digits), NoParent);
        var next = Random.Shared.NextInt64(1, end);
        return next != id ? (uint)next : id > 1 ? id - 1 : 2;
    }

    internal static string Name(string latin1) => Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(latin1));

    private static uint Hex(string digits) =>
        uint.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var id) ? id : NoParent;

    [GeneratedRegex("(?<!parent)CID=([0-9a-fA-F]{1,8})")]
    private static partial Regex ContentIdLine();

    [GeneratedRegex("parentCID=([0-9a-fA-F]{1,8})")]
    private static partial Regex ParentLine();
}
