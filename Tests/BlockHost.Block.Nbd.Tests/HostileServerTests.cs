// SPDX-License-Identifier: MIT
using BlockHost.Block.Nbd.Tests.Fakes;
using BlockHost.Nbd;
using static BlockHost.Block.Nbd.Tests.Fakes.ServerHandshake;

namespace BlockHost.Block.Nbd.Tests;

/// <summary>
/// Servers that send what they must not: an error that says so, and nothing of theirs in anybody's buffer beyond it.
/// </summary>
public sealed class HostileServerTests
{
    public static TheoryData<string, string> Replies => new()
    {
        { "magic", "invalid magic (got 0x1020304)" },
        { "unknown cookie", "a reply to no request" },
        { "simple", "simple reply when structured reply chunk was expected" },
        { "type", "unexpected reply type 9 for read" },
        { "status for a read", "unexpected reply type 5 for read" },
        { "none not last", "NBD_REPLY_TYPE_NONE chunk without NBD_REPLY_FLAG_DONE flag set" },
        { "none with data", "NBD_REPLY_TYPE_NONE chunk with nonzero length" },
        { "nothing", "the answer to a read ends before all of its data has come" },
        { "half", "the answer to a read ends before all of its data has come" },
        { "data before", "out of range" },
        { "data behind", "out of range" },
        { "data twice", "sent before" },
        { "hole over data", "sent before" },
        { "hole behind", "out of range" },
        { "hole of nothing", "empty" },
        { "empty data", "invalid payload for NBD_REPLY_TYPE_OFFSET_DATA" },
        { "short hole", "invalid payload for NBD_REPLY_TYPE_OFFSET_HOLE" },
        { "no error", "server sent error chunk with error = 0" },
        { "short error", "invalid payload for NBD_REPLY_TYPE_ERROR*" },
        { "error with too much text", "server sent error chunk with incorrect message size" },
        { "huge error", "invalid payload for NBD_REPLY_TYPE_ERROR*" },
    };

    [Theory]
    [MemberData(nameof(Replies))]
    public async Task A_bad_answer_to_a_read_ends_the_connection(string kind, string message)
    {
        await using var server = new MemoryServer(1 << 20).Start();
        server.Habits.AnswersRequest = request => request.Command == NbdCommand.Read ? Bad(kind, request) : null;
        await using var node = await Client.OpenAsync(server);

        var error = await Assert.ThrowsAsync<BlockException>(() => node.ReadAsync(4096, 512));

        Assert.Contains($"Protocol error: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Equal(Errno.EIO, error.Errno);
    }

    [Theory]
    [InlineData("context", "unexpected context id 8 for NBD_REPLY_TYPE_BLOCK_STATUS")]
    [InlineData("zero", "server sent status chunk with zero length")]
    [InlineData("short", "invalid payload for NBD_REPLY_TYPE_BLOCK_STATUS")]
    [InlineData("odd", "invalid payload for NBD_REPLY_TYPE_BLOCK_STATUS")]
    [InlineData("none", "server did not reply with any status extents")]
    public async Task A_bad_answer_to_a_status_ends_the_connection(string kind, string message)
    {
        await using var server = new MemoryServer(1 << 20).Start();
        server.Habits.AnswersRequest = request => kind switch
        {
            _ when request.Command != NbdCommand.BlockStatus => null,
            "context" => ServerRequests.Status(request, 8, 512, 0),
            "zero" => ServerRequests.Status(request, ServerRequests.ContextId, 0, 0),
            "short" => ServerRequests.Status(request, ServerRequests.ContextId),
            "odd" => ServerRequests.Status(request, ServerRequests.ContextId, 512, 0, 512),
            _ => ServerRequests.Chunk(request, ChunkType.None, ChunkFlags.Done),
        };
        await using var node = await Client.OpenAsync(server);

        var error = await Assert.ThrowsAsync<BlockException>(
            async () => await node.GetStatusAsync(0, 4096, StatusPrecision.WantZero, CancellationToken.None));

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(600, 512)]
    [InlineData(100, 4096)]
    [InlineData(uint.MaxValue, 8192)]
    public async Task A_status_is_cut_to_what_was_asked_and_to_whole_blocks(uint server, long shown)
    {
        await using var peer = new MemoryServer(1 << 20)
        { Habits = { BlockSizes = new(shown == 512 ? 512u : 4096u, 4096, 1 << 20) } }.Start();
        peer.Habits.AnswersRequest = request =>
            request.Command == NbdCommand.BlockStatus
                ? ServerRequests.Status(request, ServerRequests.ContextId, server, 3)
                : null;
        await using var node = await Client.OpenAsync(peer);

        Assert.Equal(shown, (await node.GetStatusAsync(0, 8192, StatusPrecision.WantZero, CancellationToken.None)).Bytes);
    }

    public static TheoryData<string, string> Handshakes => new()
    {
        { "silence", "Failed to read initial magic: Unexpected end-of-file before all data were read" },
        { "magic", "Bad initial magic received: 0x3132333435363738" },
        { "second magic", "Bad server magic received: 0x6162636465666768" },
        { "oldstyle", "Server does not support non-empty export names" },
        { "reply magic", "Unexpected option reply magic" },
        { "other option", "Unexpected option type 9 (list meta context), expected 7 (go)" },
        { "long reply", "The reply to option 7 (go) is 1073741824 bytes long, more than the 65536 that are taken" },
        { "no export", "broken server omitted NBD_INFO_EXPORT" },
        { "short info", "NBD_REP_INFO length 1 is too short" },
        { "short export", "remaining export info len 8 is unexpected size" },
        { "minimum", "server minimum block size 3 is not a power of two" },
        { "preferred", "server preferred block size 1000 is not valid" },
        { "maximum", "server maximum block size 256 is not valid" },
        { "uneven size", "export size 1000 is not multiple of minimum block size 512" },
        { "huge", "The export's size of 18446744073709551615 bytes is too large" },
        { "policy", "Denied by server for option 7 (go)" },
        { "unknown", "Requested export not available" },
        { "tls", "TLS negotiation required before option 7 (go)" },
    };

    [Theory]
    [MemberData(nameof(Handshakes))]
    public async Task A_bad_handshake_says_what_is_wrong(string kind, string message)
    {
        await using var server = new MemoryServer(1 << 20).Start();
        server.Habits.Greeting = kind switch
        {
            "silence" => [],
            "magic" => "12345678abcdefghxx"u8.ToArray(),
            "second magic" => "NBDMAGICabcdefghxx"u8.ToArray(),
            "oldstyle" => [.. Bytes(Wire.GreetingMagic, Wire.OldstyleMagic, 1UL << 20, 1u), .. new byte[124]],
            _ => null,
        };
        server.Habits.AnswersOption = option => option == NbdOption.Go ? BadGo(kind) : null;

        var error = await Assert.ThrowsAsync<BlockException>(() => Client.OpenAsync(server));

        Assert.Equal(message, error.Message);
    }

    private static byte[] Bad(string kind, NbdRequest request)
    {
        var (offset, half) = (request.Offset, new byte[256]);
        return kind switch
        {
            "magic" => [1, 2, 3, 4],
            "unknown cookie" =>
                ServerRequests.Data(request with { Cookie = request.Cookie + (1UL << 32) }, offset, new byte[512]),
            "simple" => ServerRequests.Simple(request, NbdError.None, new byte[512]),
            "type" => ServerRequests.Chunk(request, (ChunkType)9, ChunkFlags.Done),
            "status for a read" => ServerRequests.Status(request, ServerRequests.ContextId, 512, 0),
            "none not last" => ServerRequests.Chunk(request, ChunkType.None, ChunkFlags.None),
            "none with data" => ServerRequests.Chunk(request, ChunkType.None, ChunkFlags.Done, 1),
            "nothing" => ServerRequests.Chunk(request, ChunkType.None, ChunkFlags.Done),
            "half" => ServerRequests.Data(request, offset, half),
            "data before" => ServerRequests.Data(request, offset - 1, half),
            "data behind" => ServerRequests.Data(request, offset + 257, half),
            "data twice" =>
                [.. ServerRequests.Data(request, offset, half, last: false), .. ServerRequests.Data(request, offset + 255, half)],
            "hole over data" =>
                [.. ServerRequests.Data(request, offset, half, last: false), .. ServerRequests.Hole(request, offset, 512)],
            "hole behind" => ServerRequests.Hole(request, offset + 1, 512),
            "hole of nothing" => ServerRequests.Hole(request, offset, 0),
            "empty data" => ServerRequests.Data(request, offset, []),
            "short hole" => ServerRequests.Chunk(request, ChunkType.OffsetHole, ChunkFlags.Done, 1, 2, 3),
            "no error" => ServerRequests.Error(request, NbdError.None),
            "short error" => ServerRequests.Chunk(request, ChunkType.Error, ChunkFlags.Done, 1, 2, 3),
            "error with too much text" => ServerRequests.Chunk(request, ChunkType.Error, ChunkFlags.Done, 0, 0, 0, 5, 0, 9, 1),
            "huge error" => ServerRequests.Error(request, NbdError.Io, new string('x', 9000)),
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
        };
    }

    private static byte[]? BadGo(string kind) => kind switch
    {
        "reply magic" => new byte[20],
        "other option" => Reply(NbdOption.ListMetaContext, OptionReply.Ack),
        "long reply" => Bytes(Wire.OptionReplyMagic, 7u, 3u, 1u << 30),
        "no export" => Reply(NbdOption.Go, OptionReply.Ack),
        "short info" => Reply(NbdOption.Go, OptionReply.Info, 0),
        "short export" => Reply(NbdOption.Go, OptionReply.Info, Bytes((ushort)0, 5UL)),
        "minimum" => SizesInfo(new(3, 4096, 65536)),
        "preferred" => SizesInfo(new(512, 1000, 65536)),
        "maximum" => SizesInfo(new(512, 4096, 256)),
        "uneven size" =>
            [.. SizesInfo(
                new(512, 4096, 65536)), .. ExportInfo(1000, TransmissionFlags.HasFlags), .. Reply(NbdOption.Go, OptionReply.Ack)],
        "huge" => [.. ExportInfo(ulong.MaxValue, TransmissionFlags.HasFlags), .. Reply(NbdOption.Go, OptionReply.Ack)],
        "policy" => Reply(NbdOption.Go, OptionReply.ErrPolicy),
        "unknown" => Reply(NbdOption.Go, OptionReply.ErrUnknown),
        "tls" => Reply(NbdOption.Go, OptionReply.ErrTlsRequired),
        _ => null,
    };
}
