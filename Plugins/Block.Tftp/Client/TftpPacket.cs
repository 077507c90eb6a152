// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using BlockHost.Remote;

namespace BlockHost.Plugins.Block.Tftp.Client;

internal enum TftpOpcode : ushort
{
    ReadRequest = 1,
    Data = 3,
    Acknowledgment = 4,
    Error = 5,
    OptionAcknowledgment = 6,
}

/// <summary>
/// Packets of RFC 1350, 5 and RFC 2347:
/// <code>
///   RRQ    1   name 0 "octet" 0 { option 0 value 0 }      ACK    4   block
///   DATA   3   block   0 to blksize bytes                 ERROR  5   code   text 0
///   OACK   6   { option 0 value 0 }                       numbers: 2 bytes, big-endian
/// </code>
/// </summary>
internal static class TftpPacket
{
    public const int HeaderSize = 4;

    private const int MaxText = 200;

    public static byte[] ReadRequest(string file, IReadOnlyDictionary<string, long> options)
    {
        var text = new StringBuilder($"{file}\0octet\0");
        foreach (var (name, value) in options)
            text.Append(CultureInfo.InvariantCulture, $"{name}\0{value}\0");
        byte[] packet = [0, (byte)TftpOpcode.ReadRequest, .. Encoding.UTF8.GetBytes(text.ToString())];
        return packet;
    }

    public static byte[] Acknowledge(ushort block)
    {
        var packet = new byte[HeaderSize];
        BinaryPrimitives.WriteUInt16BigEndian(packet, (ushort)TftpOpcode.Acknowledgment);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), block);
        return packet;
    }

    public static byte[] Error(ushort code, string text)
    {
        byte[] packet = [0, (byte)TftpOpcode.Error, (byte)(code >> 8), (byte)code, .. Encoding.ASCII.GetBytes(text), 0];
        return packet;
    }

    /// <summary>What kind of packet it is; null: none.</summary>
    public static TftpOpcode? OpcodeOf(ReadOnlySpan<byte> packet)
    {
        if (packet.Length < 2)
            return null;
        var opcode = (TftpOpcode)BinaryPrimitives.ReadUInt16BigEndian(packet);
        var needed = opcode == TftpOpcode.OptionAcknowledgment ? 2 : HeaderSize;
        return Enum.IsDefined(opcode) && packet.Length >= needed ? opcode : null;
    }

    public static ushort BlockOf(ReadOnlySpan<byte> packet) => BinaryPrimitives.ReadUInt16BigEndian(packet[2..]);

    /// <summary>What an ERROR says, in letters that cannot do harm.</summary>
    public static string TextOf(ReadOnlySpan<byte> packet)
    {
        var text = Encoding.ASCII.GetString(packet[HeaderSize..]).TrimEnd('\0');
        return new string([.. text.Take(MaxText).Select(c => char.IsControl(c) ? '?' : c)]);
    }

    /// <summary>The options of an OACK.</summary>
    /// <exception cref="RemoteFault">They are no pairs of names and numbers.</exception>
    public static Dictionary<string, long> OptionsOf(ReadOnlySpan<byte> packet)
    {
        var words = Encoding.ASCII.GetString(packet[2..]).Split('\0');
        var options = new Dictionary<string, long>(StringComparer.OrdinalIgnoreCase);
        if (words.Length % 2 != 1 || words[^1].Length > 0)
            throw new RemoteFault("The server's answer to options is none");
        for (var i = 0; i + 1 < words.Length; i += 2)
        {
            if (!long.TryParse(words[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out var value))
                throw new RemoteFault("The server's answer to options is none");
            options[words[i]] = value;
        }

        return options;
    }
}
