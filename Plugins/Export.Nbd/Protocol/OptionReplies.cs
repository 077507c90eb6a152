// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using BlockHost.Nbd;

namespace BlockHost.Plugins.Export.Nbd.Protocol;

/// <summary>Writes the server's side of the handshake (proto.md, "Newstyle negotiation").</summary>
internal static class OptionReplies
{
    public static void Greeting(IBufferWriter<byte> output)
    {
        var span = output.GetSpan(Wire.GreetingLength);
        BinaryPrimitives.WriteUInt64BigEndian(span, Wire.GreetingMagic);
        BinaryPrimitives.WriteUInt64BigEndian(span[8..], Wire.OptionMagic);
        BinaryPrimitives.WriteUInt16BigEndian(span[16..], (ushort)(HandshakeFlags.FixedNewstyle | HandshakeFlags.NoZeroes));
        output.Advance(Wire.GreetingLength);
    }

    public static void Reply(IBufferWriter<byte> output, NbdOption option, OptionReply type, ReadOnlySpan<byte> data = default)
    {
        var span = output.GetSpan(Wire.OptionReplyHeaderLength + data.Length);
        BinaryPrimitives.WriteUInt64BigEndian(span, Wire.OptionReplyMagic);
        BinaryPrimitives.WriteUInt32BigEndian(span[8..], (uint)option);
        BinaryPrimitives.WriteUInt32BigEndian(span[12..], (uint)type);
        BinaryPrimitives.WriteUInt32BigEndian(span[16..], (uint)data.Length);
        data.CopyTo(span[Wire.OptionReplyHeaderLength..]);
        output.Advance(Wire.OptionReplyHeaderLength + data.Length);
    }

    public static void Error(IBufferWriter<byte> output, NbdOption option, OptionReply type, string message) =>
        Reply(output, option, type, Encoding.UTF8.GetBytes(message));

    /// <summary>An entry of LIST: the name's length, the name, and the description to the end.</summary>
    public static void Server(IBufferWriter<byte> output, INegotiableExport export)
    {
        var name = Encoding.UTF8.GetBytes(export.Name);
        var description = Encoding.UTF8.GetBytes(export.Description ?? "");
        var data = new byte[4 + name.Length + description.Length];
        BinaryPrimitives.WriteUInt32BigEndian(data, (uint)name.Length);
        name.CopyTo(data, 4);
        description.CopyTo(data, 4 + name.Length);
        Reply(output, NbdOption.List, OptionReply.Server, data);
    }

    public static void ExportInfo(IBufferWriter<byte> output, NbdOption option, INegotiableExport export, bool structuredReplies)
    {
        Span<byte> data = stackalloc byte[12];
        BinaryPrimitives.WriteUInt16BigEndian(data, (ushort)InfoType.Export);
        BinaryPrimitives.WriteInt64BigEndian(data[2..], export.Size);
        BinaryPrimitives.WriteUInt16BigEndian(data[10..], (ushort)export.Flags(structuredReplies));
        Reply(output, option, OptionReply.Info, data);
    }

    public static void BlockSizeInfo(IBufferWriter<byte> output, NbdOption option, int minimum, int preferred)
    {
        Span<byte> data = stackalloc byte[14];
        BinaryPrimitives.WriteUInt16BigEndian(data, (ushort)InfoType.BlockSize);
        BinaryPrimitives.WriteInt32BigEndian(data[2..], minimum);
        BinaryPrimitives.WriteInt32BigEndian(data[6..], preferred);
        BinaryPrimitives.WriteInt32BigEndian(data[10..], Wire.MaxPayload);
        Reply(output, option, OptionReply.Info, data);
    }

    public static void TextInfo(IBufferWriter<byte> output, NbdOption option, InfoType type, string text)
    {
        var data = new byte[2 + Encoding.UTF8.GetByteCount(text)];
        BinaryPrimitives.WriteUInt16BigEndian(data, (ushort)type);
        Encoding.UTF8.GetBytes(text, data.AsSpan(2));
        Reply(output, option, OptionReply.Info, data);
    }

    public static void MetaContext(IBufferWriter<byte> output, NbdOption option, uint id, string name)
    {
        var data = new byte[4 + Encoding.UTF8.GetByteCount(name)];
        BinaryPrimitives.WriteUInt32BigEndian(data, id);
        Encoding.UTF8.GetBytes(name, data.AsSpan(4));
        Reply(output, option, OptionReply.MetaContext, data);
    }

    /// <summary>The whole answer to EXPORT_NAME, which has no reply header.</summary>
    public static void ExportName(IBufferWriter<byte> output, INegotiableExport export, bool structuredReplies, bool padded)
    {
        var length = 10 + (padded ? Wire.ExportNamePadding : 0);
        var span = output.GetSpan(length)[..length];
        span.Clear();
        BinaryPrimitives.WriteInt64BigEndian(span, export.Size);
        BinaryPrimitives.WriteUInt16BigEndian(span[8..], (ushort)export.Flags(structuredReplies));
        output.Advance(length);
    }
}
