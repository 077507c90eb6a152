// SPDX-License-Identifier: MIT
using System.Text;
using BlockHost.Block.Iscsi.Tests.Fakes;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Iscsi.Tests;

/// <summary>A target may say anything: the connection ends, the request fails, and no byte lands where none is wanted.</summary>
public sealed class HostileTargetTests
{
    private const byte Read = 0x28;
    private const byte Write = 0x2A;
    private const string AtOnce = """{"x-blockhost-retry-time":0}""";

    public static TheoryData<string, string> WrongAnswers => new()
    {
        { "status out of order", "The target's protocol makes no sense: StatSN " },
        { "data behind the end", "513 bytes of data at 0, where 512 bytes at 0 are due" },
        { "data twice", "256 bytes of data at 0, where 256 bytes at 256 are due" },
        { "data with a gap", "256 bytes of data at 256, where 512 bytes at 0 are due" },
        { "data that is too long for a PDU", "a PDU 0x25 with 16777215 bytes of data, where 262144 are the most" },
        { "a long status", "a PDU 0x21 with 16777215 bytes of data, where 8192 are the most" },
        { "another tag", "an answer to no command" },
        { "its own tag", "an answer to no command" },
        { "a request for data", "it asks for data of a command that sends none" },
        { "sense that is longer than its PDU", "255 bytes of sense data in 18" },
        { "failure", "The target failed to carry out a command (response 0x01)" },
        { "reject", "The target rejects a PDU, with reason 0x04" },
        { "login again", "a PDU 0x23, which no target sends now" },
        { "a command", "a PDU 0x01, which no target sends now" },
        { "an answer to no ping", "an answer to no ping" },
        { "an abort's answer", "an answer to nothing" },
        { "goodbye", "The target asks for an end of the connection" },
        { "close", "The target closed the connection" },
        { "half a PDU", "The target closed the connection" },
    };

    [Theory]
    [MemberData(nameof(WrongAnswers))]
    public async Task Answers_to_a_read(string what, string reason)
    {
        using var target = new FakeTarget();
        await using var node = await Client.OpenAsync(target.Options(AtOnce));
        target.Instead = async (session, pdu) => pdu.Opcode == 1 && await SayAsync(target, session, pdu, what);
        var memory = new byte[1536];

        var error = await Assert.ThrowsAsync<BlockException>(
            () => node.ReadAsync(0, memory.AsMemory(512, 512), ReadFlags.None, default).AsTask().WaitAsync(Client.Soon));

        Assert.Contains(reason, error.Message);
        Assert.All(memory[..512], left => Assert.Equal(0, left));
        Assert.All(memory[1024..], left => Assert.Equal(0, left));
    }

    [Theory]
    [InlineData(65536, 0, "it asks for 0 bytes at 65536")]
    [InlineData(65536, 262145, "it asks for 262145 bytes at 65536")]
    [InlineData(131071, 2, "it asks for 2 bytes at 131071")]
    [InlineData(0, 65536, "it asks for 65536 bytes at 0, where 65536 bytes at 65536 are due")]
    [InlineData(65536, uint.MaxValue, "it asks for 4294967295 bytes at 65536")]
    [InlineData(uint.MaxValue, 512, "it asks for 512 bytes at 4294967295")]
    public async Task Requests_for_data_of_a_write(uint offset, uint length, string reason)
    {
        using var target = new FakeTarget();
        await using var node = await Client.OpenAsync(target.Options(AtOnce));
        target.Instead = async (session, pdu) =>
        {
            if (pdu.Opcode == 1 && pdu.Command == Write)
                await session.ReadyAsync(pdu, offset, length);
            return pdu.Opcode == 1;
        };

        var error = await Assert.ThrowsAsync<BlockException>(() => node.WriteAsync(0, new byte[131072]));

        Assert.Contains(reason, error.Message);
    }

    [Fact]
    public async Task Data_that_is_asked_for_while_it_is_on_its_way()
    {
        using var target = new FakeTarget();
        await using var node = await Client.OpenAsync(target.Options(AtOnce));
        target.Instead = async (session, pdu) =>
        {
            if (pdu.Opcode == 1 && pdu.Command == Write)
            {
                for (var offset = 65536u; offset < 131072; offset += 512)
                    await session.ReadyAsync(pdu, offset, 512);
                await session.ReadyAsync(pdu, 131072, 512);
            }

            return pdu.Opcode is 1 or 5;
        };

        var error = await Assert.ThrowsAsync<BlockException>(() => node.WriteAsync(0, new byte[131072]));

        Assert.Contains("it asks for", error.Message);
    }

    [Theory]
    [InlineData("HeaderDigest", "header")]
    [InlineData("DataDigest", "data")]
    public async Task Digests_that_are_wrong(string key, string what)
    {
        using var target = new FakeTarget { Keys = { [key] = "CRC32C" } };
        await using var node = await Client.OpenAsync(target.Options(
            """{"x-blockhost-retry-time":0,"header-digest":"crc32c-none","x-blockhost-data-digest":"crc32c-none"}"""));
        target.Mutate = bytes =>
        {
            bytes[^1] ^= 1;
            return bytes;
        };
        if (what == "header")
            target.Instead = async (session, pdu) =>
            {
                if (pdu.Opcode == 1)
                    await session.AnswerAsync(pdu);
                return pdu.Opcode == 1;
            };

        Assert.Contains($"The {what} digest of a PDU is wrong", (await node.ReadErrorAsync()).Message);
    }

    [Theory]
    [InlineData(true, "stage FullFeature after Security, which nobody asked for")]
    [InlineData(false, "It comes to no end")]
    public async Task Logins_that_never_end(bool jumps, string reason)
    {
        using var target = new FakeTarget();
        target.Instead = async (session, pdu) =>
        {
            if (pdu.Opcode == 3)
                await session.SendStatusAsync(TargetPdu.Of(0x23, jumps ? (byte)0x83 : (byte)0, null, (16, pdu.Tag)));
            return true;
        };

        Assert.EndsWith(reason, await Client.OpenErrorAsync(target.Options()));
    }

    [Fact]
    public async Task A_login_text_without_end()
    {
        using var target = new FakeTarget();
        target.Instead = async (session, pdu) =>
        {
            await session.SendStatusAsync(TargetPdu.Of(0x23, 0x40, new byte[8000], (16, pdu.Tag)));
            return true;
        };

        Assert.EndsWith("more than 16384 bytes of text", await Client.OpenErrorAsync(target.Options()));
    }

    [Theory]
    [InlineData("MaxBurstLength", "511", "It answers MaxBurstLength=511, which was not offered")]
    [InlineData("MaxBurstLength", "16777215", "It answers MaxBurstLength=16777215, which was not offered")]
    [InlineData("FirstBurstLength", "-1", "It answers FirstBurstLength=-1, which was not offered")]
    [InlineData("MaxRecvDataSegmentLength", "4294967808", "MaxRecvDataSegmentLength=4294967808, which was not offered")]
    [InlineData("HeaderDigest", "SHA1", "It answers HeaderDigest=SHA1, which was not offered")]
    [InlineData("DataDigest", "CRC32C", "It answers DataDigest=CRC32C, which was not offered")]
    [InlineData("DataPDUInOrder", "No", "It answers DataPDUInOrder=No, which was not offered")]
    [InlineData("ErrorRecoveryLevel", "2", "It answers ErrorRecoveryLevel=2, which was not offered")]
    [InlineData("InitialR2T", "Maybe", "It answers InitialR2T=Maybe, which was not offered")]
    [InlineData("=", "x", "The target's login text makes no sense")]
    public async Task Answers_of_a_login(string key, string value, string reason)
    {
        using var target = new FakeTarget { Keys = { [key] = value } };

        Assert.EndsWith(reason, await Client.OpenErrorAsync(target.Options()));
    }

    [Fact]
    public async Task A_target_that_moves_on_and_on()
    {
        using var target = new FakeTarget();
        target.Instead = async (session, pdu) =>
        {
            await session.SendAsync(TargetPdu.Of(
                0x23, 0, Encoding.ASCII.GetBytes($"TargetAddress=127.0.0.1:{target.Port},1\0"), (16, pdu.Tag), (36, 0x01010000)));
            return true;
        };

        Assert.EndsWith("It moves on and on", await Client.OpenErrorAsync(target.Options()));
    }

    [Fact]
    public async Task A_target_that_pings_and_does_not_read_the_answers_is_left()
    {
        using var target = new FakeTarget();
        await using var node = await Client.OpenAsync(target.Options(AtOnce));
        target.Instead = async (session, pdu) =>
        {
            while (pdu.Opcode == 1)
                await session.SendAsync(TargetPdu.Of(0x20, 0x80, null, (16, uint.MaxValue), (20, 5), (24, session.StatSn)));
            return true;
        };

        var error = await node.ReadErrorAsync();

        Assert.Contains("it pings faster than it reads the answers", error.Message);
    }

    [Theory]
    [InlineData(0u, 0u)]
    [InlineData(511u, 3u)]
    [InlineData(1000u, 512u)]
    [InlineData(ulong.MaxValue, 512u)]
    [InlineData(ulong.MaxValue - 1, 512u)]
    [InlineData(100u, 1u << 20)]
    public async Task Sizes_that_no_disk_has(ulong last, uint blockSize)
    {
        using var target = new FakeTarget();
        target.Instead = async (session, pdu) =>
        {
            if (pdu.Opcode != 1 || pdu.Command != 0x9E)
                return false;
            var capacity = new byte[32];
            System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(capacity, last);
            System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(capacity.AsSpan(8), blockSize);
            await session.DataInAsync(pdu, 0, capacity, isLast: true);
            return true;
        };
        if (last == 1000)
        {
            await using var node = await Client.OpenAsync(target.Options());
            Assert.Equal(1001 * 512, node.Profile.Length);
            return;
        }

        Assert.StartsWith("iSCSI: the target returned an i", await Client.OpenErrorAsync(target.Options()));
    }

    /// <summary>
    /// BLOCKHOST_MUTANTS: so many sessions with some bytes of what the target says changed; none ends in anything but an answer
    /// or an error, and no byte is written beside a buffer.
    /// </summary>
    [Fact]
    public async Task Bytes_changed()
    {
        var mutants = SearchSize.Of("BLOCKHOST_MUTANTS", 40);
        for (var seed = 0; seed < mutants; seed++)
        {
            var random = new Random(seed);
            using var target = new FakeTarget();
            target.Mutate = bytes =>
            {
                for (var changes = random.Next(8) == 0 ? random.Next(4) : 0; changes > 0; changes--)
                    bytes[random.Next(Math.Min(bytes.Length, 64))] = (byte)random.Next(256);
                return bytes;
            };
            var host = new TestPluginHost { Clock = new FastClock() };
            var memory = new byte[4096 + 1024];
            try
            {
                var options = target.Options("""{"x-blockhost-retry-time":0,"timeout":1}""");
                await using var node = await Client.OpenAsync(options, host);
                await node.WriteAsync(0, new byte[4096]);
                await node.ReadAsync(0, memory.AsMemory(512, 4096), ReadFlags.None, default).AsTask().WaitAsync(Client.Soon);
                await node.FlushAsync();
            }
            catch (BlockException)
            {
                // As it should.
            }

            Assert.All(memory[..512], left => Assert.Equal(0, left));
            Assert.All(memory[4608..], left => Assert.Equal(0, left));
        }
    }

    private static async Task<bool> SayAsync(FakeTarget target, TargetSession session, TargetPdu pdu, string what)
    {
        Assert.Equal(Read, pdu.Command);
        switch (what)
        {
            case "status out of order":
                session.StatSn--;
                await session.AnswerAsync(pdu);
                break;
            case "data behind the end":
                await session.DataInAsync(pdu, 0, [.. Enumerable.Repeat((byte)1, 513)], isLast: true);
                break;
            case "data twice":
                await session.DataInAsync(pdu, 0, new byte[256], isLast: false);
                await session.DataInAsync(pdu, 0, new byte[256], isLast: true);
                break;
            case "data with a gap":
                await session.DataInAsync(pdu, 256, new byte[256], isLast: true);
                break;
            case "data that is too long for a PDU" or "a long status":
                var opcode = what == "a long status" ? (byte)0x21 : (byte)0x25;
                await session.SendStatusAsync(TargetPdu.Of(opcode, 0x80, null, (4, 0xFFFFFF), (16, pdu.Tag)));
                break;
            case "another tag" or "its own tag":
                var tag = what == "another tag" ? pdu.Tag + 128 : 0x80000001;
                await session.SendStatusAsync(TargetPdu.Of(0x21, 0x80, null, (16, tag)));
                break;
            case "a request for data":
                await session.ReadyAsync(pdu, 0, 512);
                break;
            case "sense that is longer than its PDU":
                await session.SendStatusAsync(
                    TargetPdu.Of(0x21, 0x80, [0, 255, .. new byte[18]], (0, 0x21800002), (16, pdu.Tag)));
                break;
            case "failure":
                await session.SendStatusAsync(TargetPdu.Of(0x21, 0x80, null, (0, 0x21800100), (16, pdu.Tag)));
                break;
            case "reject":
                await session.SendStatusAsync(TargetPdu.Of(0x3F, 0x80, pdu.Header, (0, 0x3F800400)));
                break;
            case "login again" or "a command":
                await session.SendStatusAsync(TargetPdu.Of(what == "a command" ? (byte)1 : (byte)0x23, 0x80));
                break;
            case "an answer to no ping":
                await session.SendStatusAsync(TargetPdu.Of(0x20, 0x80, null, (16, 3), (20, uint.MaxValue)));
                break;
            case "an abort's answer":
                await session.SendStatusAsync(TargetPdu.Of(0x22, 0x80, null, (16, 0x80000009)));
                break;
            case "goodbye":
                await session.SendStatusAsync(TargetPdu.Of(0x32, 0x80, null, (16, uint.MaxValue), (36, 0x01000000)));
                break;
            case "half a PDU":
                target.Mutate = bytes => bytes[..20];
                await session.AnswerAsync(pdu);
                target.Cut();
                break;
            default:
                target.Cut();
                break;
        }

        return true;
    }
}
