// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;
using BlockHost.Nbd;

namespace BlockHost.Block.Nbd.Tests.Fakes;

/// <summary>The handshake of a <see cref="MemoryServer"/> for one client.</summary>
internal sealed class ServerHandshake(Stream stream, MemoryServer server)
{
    /// <returns>False: the client wants nothing more.</returns>
    public async Task<bool> RunAsync()
    {
        await server.Habits.MayAnswerAsync();
        if (server.Habits.Greeting is { } greeting)
        {
            await stream.WriteAsync(greeting);
            return false;
        }

        await stream.WriteAsync(Bytes(Wire.GreetingMagic, Wire.OptionMagic, (ushort)3));
        await stream.ReadExactlyAsync(new byte[Wire.ClientFlagsLength]);
        while (true)
        {
            var head = new byte[Wire.OptionHeaderLength];
            await stream.ReadExactlyAsync(head);
            var option = (NbdOption)BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(8));
            var data = new byte[BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(12))];
            await stream.ReadExactlyAsync(data);
            await server.Habits.MayAnswerAsync();
            if (option == NbdOption.Abort)
                return false;
            var own = server.Habits.AnswersOption(option);
            await stream.WriteAsync(own ?? Answer(option));
            if (option == NbdOption.Go)
                return true;
            if (option == NbdOption.StartTls && own is not null)
            {
                // There is no TLS here: what follows is taken and never answered.
                await stream.CopyToAsync(Stream.Null);
                return false;
            }
        }
    }

    public static byte[] Reply(NbdOption option, OptionReply type, params byte[] data) =>
        [.. Bytes(Wire.OptionReplyMagic, (uint)option, (uint)type, (uint)data.Length), .. data];

    public static byte[] ExportInfo(ulong size, TransmissionFlags flags) =>
        Reply(NbdOption.Go, OptionReply.Info, Bytes((ushort)InfoType.Export, size, (ushort)flags));

    public static byte[] SizesInfo(NbdBlockSizes sizes) =>
        Reply(NbdOption.Go, OptionReply.Info, Bytes((ushort)InfoType.BlockSize, sizes.Minimum, sizes.Preferred, sizes.Maximum));

    private byte[] Answer(NbdOption option)
    {
        var habits = server.Habits;
        return option switch
        {
            NbdOption.StructuredReply when habits.StructuredReplies => Reply(option, OptionReply.Ack),
            NbdOption.SetMetaContext when habits.Context is { } context =>
                [.. Reply(
                    option,
                    OptionReply.MetaContext,
                    [.. Bytes(ServerRequests.ContextId), .. Encoding.UTF8.GetBytes(context)]), .. Reply(option, OptionReply.Ack)],
            NbdOption.SetMetaContext => Reply(option, OptionReply.Ack),
            NbdOption.Go =>
                [.. habits.BlockSizes is { } sizes ? SizesInfo(sizes) : [], .. ExportInfo(
                    (ulong)server.Disk.Length, habits.Flags), .. Reply(option, OptionReply.Ack)],
            _ => Reply(option, OptionReply.ErrUnsupported),
        };
    }

    /// <summary>The numbers one after another, big-endian.</summary>
    public static byte[] Bytes(params object[] numbers) => [.. numbers.SelectMany(number =>
    {
        var bytes = number switch
        {
            ulong value => BitConverter.GetBytes(value),
            uint value => BitConverter.GetBytes(value),
            ushort value => BitConverter.GetBytes(value),
            _ => throw new ArgumentException($"a {number.GetType().Name}", nameof(numbers)),
        };
        return bytes.Reverse();
    })];
}
