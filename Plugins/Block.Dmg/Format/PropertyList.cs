// SPDX-License-Identifier: MIT
using System.Xml;
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Dmg.Format;

/// <summary>
/// The property list at an image's end:
/// <code>
///   plist ► dict ► key "resource-fork", dict ► key "blkx", array ► dicts ► key "Data", data: a block table in base 64
/// </code>
/// </summary>
internal static class PropertyList
{
    private static readonly XmlReaderSettings Settings = new()
    {
        DtdProcessing = DtdProcessing.Ignore,
        XmlResolver = null,
        CheckCharacters = false,
    };

    /// <summary>The data of the array "blkx".</summary>
    public static IReadOnlyList<byte[]> TablesOf(byte[] plist)
    {
        try
        {
            using var reader = XmlReader.Create(new MemoryStream(plist), Settings);
            return Read(reader);
        }
        catch (Exception e) when (e is XmlException or FormatException)
        {
            throw new BlockException(BlockErrorKind.InvalidArgument, $"The image's property list is damaged: {e.Message}");
        }
    }

    private static List<byte[]> Read(XmlReader reader)
    {
        var tables = new List<byte[]>();
        var key = "";
        var listDepth = -1;
        reader.MoveToContent();
        while (!reader.EOF)
        {
            if (reader.NodeType == XmlNodeType.EndElement && reader.Depth == listDepth)
                listDepth = -1;
            if (reader.NodeType != XmlNodeType.Element)
            {
                reader.Read();
                continue;
            }

            if (reader.Name == "array" && key == "blkx" && listDepth < 0 && !reader.IsEmptyElement)
                listDepth = reader.Depth;
            if (reader.Name == "key")
                key = reader.ReadElementContentAsString();
            else if (reader.Name == "data" && listDepth >= 0 && key == "Data")
                tables.Add(Convert.FromBase64String(reader.ReadElementContentAsString()));
            else
                reader.Read();
        }

        return tables;
    }
}
