// SPDX-License-Identifier: MIT
using BlockHost.Nbd;
using static BlockHost.Block.Nbd.Tests.Fakes.ServerHandshake;

namespace BlockHost.Block.Nbd.Tests.Fakes;

/// <summary>Requests of one client to a <see cref="MemoryServer"/>. Reads come in two chunks, the second half first.</summary>
internal sealed class ServerRequests(Stream stream, MemoryServer server)
{
    public const uint ContextId = 7;

    public async Task RunAsync()
    {
        var head = new byte[Wire.RequestLength];
        while (true)
        {
            await stream.ReadExactlyAsync(head);
            if (!NbdRequest.TryParse(head, out var request) || request.Command == NbdCommand.Disconnect)
                return;
            var data = new byte[request.HasPayload ? request.Length : 0];
            await stream.ReadExactlyAsync(data);
            lock (server.Habits.Requests)
                server.Habits.Requests.Add(request);
            await server.Habits.MayAnswerAsync();
            await stream.WriteAsync(server.Habits.AnswersRequest(request) ?? Answer(request, data));
            if (server.Habits.LeavesAfter(request))
                return;
        }
    }

    public static byte[] Simple(NbdRequest request, NbdError error = NbdError.None, params byte[] data) =>
        [.. Bytes(Wire.SimpleReplyMagic, (uint)error, request.Cookie), .. data];

    public static byte[] Chunk(NbdRequest request, ChunkType type, ChunkFlags flags, params byte[] payload) =>
        [.. Bytes(Wire.StructuredReplyMagic, (ushort)flags, (ushort)type, request.Cookie, (uint)payload.Length), .. payload];

    public static byte[] Data(NbdRequest request, ulong offset, ReadOnlySpan<byte> data, bool last = true) =>
        Chunk(request, ChunkType.OffsetData, last ? ChunkFlags.Done : ChunkFlags.None, [.. Bytes(offset), .. data]);

    public static byte[] Hole(NbdRequest request, ulong offset, uint bytes, bool last = true) =>
        Chunk(request, ChunkType.OffsetHole, last ? ChunkFlags.Done : ChunkFlags.None, Bytes(offset, bytes));

    public static byte[] Status(NbdRequest request, uint context, params uint[] numbers) =>
        Chunk(
            request, ChunkType.BlockStatus, ChunkFlags.Done, [.. Bytes(context), .. numbers.SelectMany(number => Bytes(number))]);

    public static byte[] Error(NbdRequest request, NbdError error, string text = "") =>
        Chunk(
            request,
            ChunkType.Error,
            ChunkFlags.Done,
            [.. Bytes((uint)error, (ushort)text.Length), .. System.Text.Encoding.UTF8.GetBytes(text)]);

    private byte[] Answer(NbdRequest request, byte[] data)
    {
        var disk = server.Disk;
        if (request.Command != NbdCommand.Flush
            && (request.Offset > (ulong)disk.Length || request.Length > (ulong)disk.Length - request.Offset))
            return server.Habits.StructuredReplies
                ? Error(request, NbdError.Invalid, "beyond the end")
                : Simple(request, NbdError.Invalid);
        var range = request.Command == NbdCommand.Flush ? [] : disk.AsSpan((int)request.Offset, (int)request.Length);
        switch (request.Command)
        {
            case NbdCommand.Read when server.Habits.StructuredReplies:
                var half = range.Length / 2;
                return half == 0
                    ? Data(request, request.Offset, range)
                    : [.. Data(
                        request,
                        request.Offset + (ulong)half,
                        range[half..],
                        last: false), .. Data(request, request.Offset, range[..half])];
            case NbdCommand.Read:
                return Simple(request, NbdError.None, range.ToArray());
            case NbdCommand.Write:
                data.CopyTo(range);
                break;
            case NbdCommand.WriteZeroes or NbdCommand.Trim:
                range.Clear();
                break;
            case NbdCommand.BlockStatus:
                return Status(request, ContextId, StatusOf(range));
        }

        return server.Habits.StructuredReplies ? Chunk(request, ChunkType.None, ChunkFlags.Done) : Simple(request);
    }

    /// <summary>The run of zeroes, or of other bytes, that it begins with.</summary>
    private static uint[] StatusOf(ReadOnlySpan<byte> range)
    {
        const uint holeOfZeroes = 3;
        var zeroes = range.IndexOfAnyExcept((byte)0);
        if (zeroes != 0)
            return [(uint)(zeroes < 0 ? range.Length : zeroes), holeOfZeroes];
        var data = range.IndexOf((byte)0);
        return [(uint)(data < 0 ? range.Length : data), 0];
    }
}
