// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Block.Iscsi.Tests.Fakes;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Iscsi.Tests;

/// <summary>How commands are sent, and what is done where one does not simply end well.</summary>
public sealed class CommandTests
{
    private const byte Read = 0x28;
    private const byte Write = 0x2A;
    private const byte Flush = 0x35;
    private const byte ReportLuns = 0xA0;
    private const byte UnitAttention = 6;
    private const byte Busy = 8;
    private const byte TaskSetFull = 0x28;

    private static readonly byte[] Content = Client.Noise(300 << 10);

    /// <summary>Everything that a target may want of how data goes over.</summary>
    [Theory]
    [InlineData("Yes", "Yes", 65536, 262144, 65536)]
    [InlineData("Yes", "No", 65536, 262144, 65536)]
    [InlineData("No", "Yes", 65536, 262144, 512)]
    [InlineData("No", "No", 65536, 65536, 8192)]
    [InlineData("No", "Yes", 512, 512, 512)]
    [InlineData("Yes", "No", 512, 1000, 515)]
    [InlineData("No", "No", 777, 1001, 1003)]
    public async Task Data_goes_over_as_was_agreed(string r2t, string immediate, int firstBurst, int maxBurst, int maxLength)
    {
        using var target = new FakeTarget
        {
            DataInLength = 3000,
            Keys =
            {
                ["InitialR2T"] = r2t, ["ImmediateData"] = immediate, ["FirstBurstLength"] = $"{firstBurst}",
                ["MaxBurstLength"] = $"{maxBurst}", ["MaxRecvDataSegmentLength"] = $"{maxLength}",
                ["HeaderDigest"] = "CRC32C", ["DataDigest"] = "CRC32C",
            },
        };
        await using var node = await Client.OpenAsync(target.Options("""{"x-blockhost-data-digest":"crc32c"}"""));

        await Task.WhenAll(Enumerable.Range(0, 3).Select(
            part => node.WriteAsync(part * 102400, Content[(part * 102400)..((part + 1) * 102400)])));

        Assert.Equal(Content, target.Disk[..Content.Length]);
        Assert.Equal(Content, await node.ReadAsync(0, Content.Length));
    }

    [Fact]
    public async Task No_command_is_sent_that_the_target_has_no_room_for()
    {
        using var target = new FakeTarget { Window = 2 };
        var most = 0;
        await using var node = await Client.OpenAsync(target.Options());
        List<TargetPdu> held = [];
        var all = new TaskCompletionSource();
        target.Instead = async (session, pdu) =>
        {
            if (pdu.Opcode != 1)
                return false;
            held.Add(pdu);
            most = Math.Max(most, held.Count);
            if (held.Count < 2)
                return true;
            // Answered in the other order.
            foreach (var one in Enumerable.Reverse(held).ToList())
                await session.DataInAsync(one, 0, new byte[512], isLast: true);
            held.Clear();
            return true;
        };

        await Task.WhenAll(Enumerable.Range(0, 20).Select(block => node.ReadAsync(block * 512, 512)));

        Assert.Equal(2, most);
    }

    [Theory]
    [InlineData("busy")]
    [InlineData("full")]
    [InlineData("attention")]
    [InlineData("deferred")]
    [InlineData("aborted")]
    public async Task What_may_pass_is_tried_again(string trouble)
    {
        using var target = new FakeTarget();
        await using var node = await Client.OpenAsync(target.Options());
        var tries = 0;
        target.Instead = async (session, pdu) =>
        {
            if (pdu.Opcode != 1 || pdu.Command != Read || ++tries > 3)
                return false;
            await (trouble switch
            {
                "busy" => session.AnswerAsync(pdu, Busy),
                "full" => session.AnswerAsync(pdu, TaskSetFull),
                "aborted" => session.AnswerAsync(pdu, 0x40),
                "deferred" => session.CheckConditionAsync(pdu, 3, 0x0C00, format: 0x71),
                _ => session.CheckConditionAsync(pdu, UnitAttention, 0x2907),
            });
            return true;
        };

        Assert.Equal(new byte[512], await node.ReadAsync(0, 512));
        Assert.Equal(4, tries);
    }

    [Theory]
    [InlineData(2, 0x3A00, Errno.ENOMEDIUM, "NOT READY(2) ASCQ:MEDIUM_NOT_PRESENT(0x3a00)")]
    [InlineData(3, 0x1100, Errno.EIO, "MEDIUM ERROR(3) ASCQ:UNRECOVERED READ ERROR(0x1100)")]
    [InlineData(5, 0x2100, Errno.ENOSPC, "ILLEGAL_REQUEST(5) ASCQ:LBA_OUT_OF_RANGE(0x2100)")]
    [InlineData(5, 0x2500, Errno.ENOTSUP, "ILLEGAL_REQUEST(5) ASCQ:LOGICAL_UNIT_NOT_SUPPORTED(0x2500)")]
    [InlineData(5, 0x2400, Errno.EINVAL, "ILLEGAL_REQUEST(5) ASCQ:INVALID_FIELD_IN_CDB(0x2400)")]
    [InlineData(7, 0x2700, Errno.EACCES, "DATA PROTECTION(7) ASCQ:WRITE_PROTECTED(0x2700)")]
    [InlineData(7, 0x2707, Errno.ENOSPC, "DATA PROTECTION(7) ASCQ:SPACE ALLOCATION FAILED WRITE PROTECT(0x2707)")]
    [InlineData(11, 0x4400, Errno.ECANCELED, "COMMAND ABORTED(11) ASCQ:INTERNAL_TARGET_FAILURE(0x4400)")]
    [InlineData(6, 0x2900, Errno.EIO, "UNIT_ATTENTION(6) ASCQ:POWER_ON_OCCURED(0x2900)")]
    public async Task Errors_are_those_of_QEMU(byte key, ushort code, int errno, string text)
    {
        using var target = new FakeTarget();
        await using var node = await Client.OpenAsync(target.Options());
        target.Instead = async (session, pdu) =>
        {
            if (pdu.Opcode == 1)
                await session.CheckConditionAsync(pdu, key, code);
            return pdu.Opcode == 1;
        };

        var error = await node.ReadErrorAsync(4096);

        Assert.Equal((errno, $"iSCSI READ10/16 failed at lba 8: SENSE KEY:{text}"), (error.Errno, error.Message));
    }

    [Theory]
    [InlineData("")]
    [InlineData("00")]
    [InlineData("ffffffffffffffff")]
    [InlineData("7000")]
    [InlineData("72")]
    [InlineData("70000300000000")]
    public async Task Sense_data_that_says_nothing_is_an_error(string sense)
    {
        using var target = new FakeTarget();
        await using var node = await Client.OpenAsync(target.Options());
        target.Instead = async (session, pdu) =>
        {
            if (pdu.Opcode == 1)
                await session.AnswerAsync(pdu, 2, Convert.FromHexString(sense));
            return pdu.Opcode == 1;
        };

        Assert.Equal(Errno.EIO, (await node.ReadErrorAsync()).Errno);
    }

    [Fact]
    public async Task A_read_without_all_of_its_data_has_failed()
    {
        using var target = new FakeTarget();
        await using var node = await Client.OpenAsync(target.Options());
        target.Instead = async (session, pdu) =>
        {
            if (pdu.Opcode == 1 && pdu.Command == Read)
            {
                await session.DataInAsync(pdu, 0, new byte[256], isLast: false);
                await session.AnswerAsync(pdu);
            }

            return pdu.Opcode == 1;
        };

        Assert.Equal(
            "iSCSI READ10/16 failed at lba 0: the target sent 256 of 512 bytes", (await node.ReadErrorAsync()).Message);
    }

    [Theory]
    [InlineData(UnitAttention, 0x2901, 0x70)]
    [InlineData(3, 0x0C00, 0x71)]
    [InlineData(3, 0x0C00, 0x73)]
    public async Task A_cache_that_may_have_lost_a_write_fails_the_next_flush(byte key, ushort code, byte format)
    {
        using var target = new FakeTarget();
        await using var node = await Client.OpenAsync(target.Options());
        var told = false;
        await node.WriteAsync(0, new byte[512]);
        target.Instead = async (session, pdu) =>
        {
            if (pdu.Opcode != 1 || told)
                return false;
            told = true;
            await (format == 0x73
                ? session.AnswerAsync(pdu, 2, [format, key, (byte)(code >> 8), (byte)code, 0, 0, 0, 0])
                : session.CheckConditionAsync(pdu, key, code, format));
            return true;
        };

        var error = await Assert.ThrowsAsync<BlockException>(() => node.FlushAsync());

        Assert.StartsWith("The connection was lost before data was flushed", error.Message);
        await node.FlushAsync();
    }

    [Fact]
    public async Task A_flush_that_fails_says_so_and_one_that_needs_none_does_not()
    {
        foreach (var hasCache in new[] { true, false })
        {
            using var target = new FakeTarget();
            target.Instead = async (session, pdu) =>
            {
                if (pdu.Opcode == 1 && pdu.Command == 0x1A && !hasCache)
                {
                    // The caching page, without WCE.
                    byte[] modes = [23, 0, 0, 0, 8, 18, 0, .. new byte[17]];
                    await session.DataInAsync(pdu, 0, modes, isLast: false);
                    await session.AnswerAsync(pdu);
                    return true;
                }

                if (pdu.Opcode == 1 && pdu.Command == Flush)
                    await session.CheckConditionAsync(pdu, 5, 0x2000);
                return pdu.Opcode == 1 && pdu.Command == Flush;
            };
            await using var node = await Client.OpenAsync(target.Options());
            await node.WriteAsync(0, new byte[512]);

            if (hasCache)
                Assert.StartsWith(
                    "iSCSI SYNCHRONIZECACHE10 failed: SENSE KEY:ILLEGAL_REQUEST(5)",
                    (await Assert.ThrowsAsync<BlockException>(() => node.FlushAsync())).Message);
            else
                await node.FlushAsync();
        }
    }

    [Fact]
    public async Task A_size_that_has_changed_is_asked_for_when_the_target_says_so()
    {
        using var target = new FakeTarget();
        var host = new TestPluginHost();
        var context = new TestNodeContext(host);
        await using var node = await Client.OpenAsync(target.Options(), context);
        var told = false;
        target.Instead = async (session, pdu) =>
        {
            if (pdu.Opcode == 1 && pdu.Command == 0x9E)
            {
                var capacity = new byte[32];
                (capacity[6], capacity[10]) = (0x0F, 2);
                capacity[7] = 0xFF;
                await session.DataInAsync(pdu, 0, capacity, isLast: true);
                return true;
            }

            if (pdu.Opcode != 1 || told)
                return false;
            told = true;
            await session.CheckConditionAsync(pdu, UnitAttention, 0x2A09);
            return true;
        };

        await node.ReadAsync(0, 512);
        await Client.UntilAsync(() => context.ProfileChanges > 0);

        Assert.Equal(2 << 20, node.Profile.Length);
    }

    [Fact]
    public async Task A_command_that_takes_too_long_is_aborted_and_tried_again()
    {
        using var target = new FakeTarget();
        var host = new TestPluginHost { Clock = new FastClock() };
        await using var node = await Client.OpenAsync(target.Options("""{"timeout":1}"""), host);
        uint first = 0;
        target.Instead = (_, pdu) =>
        {
            var isFirst = pdu.Opcode == 1 && first == 0;
            if (isFirst)
                first = pdu.Tag;
            if (pdu.Opcode == 2)
                Assert.Equal((1, first), (pdu.Flags & 0x7F, pdu[20]));
            return Task.FromResult(isFirst);
        };

        Assert.Equal(new byte[512], await node.ReadAsync(0, 512));

        Assert.Equal(["01 28", "02", "01 28"], target.Seen.Where(pdu => pdu is "01 28" or "02"));
    }

    [Theory]
    [InlineData(true, "The target does not abort a command")]
    [InlineData(false, "The target takes no commands any more")]
    public async Task A_target_that_answers_pings_and_nothing_else_holds_no_request_for_ever(bool takesCommands, string reason)
    {
        using var target = new FakeTarget { Window = 1 };
        var host = new TestPluginHost { Clock = new FastClock() };
        await using var node = await Client.OpenAsync(target.Options("""{"timeout":1,"x-blockhost-retry-time":0}"""), host);
        target.Instead = async (session, pdu) =>
        {
            if (pdu.Opcode == 1 && !takesCommands)
            {
                target.Window = 0;
                await session.DataInAsync(pdu, 0, new byte[512], isLast: true);
            }

            return pdu.Opcode is 1 or 2;
        };
        if (!takesCommands)
            await node.ReadAsync(0, 512);

        Assert.Contains(reason, (await node.ReadErrorAsync()).Message);
    }

    [Theory]
    [InlineData("1", "1", false)]
    [InlineData("1", "2", true)]
    public async Task What_an_old_way_may_still_change_is_ended_before_another_is_used(string first, string second, bool resets)
    {
        using var one = new FakeTarget { PortalGroup = first };
        using var other = new FakeTarget { PortalGroup = second };
        await using var node = await Client.OpenAsync(
            one.Options($$"""{"x-blockhost-portals":["127.0.0.1:{{other.Port}}"]}"""));
        one.Instead = (_, pdu) =>
        {
            if (pdu.Opcode == 1 && pdu.Command == Write)
                one.Dispose();
            return Task.FromResult(true);
        };

        await node.WriteAsync(0, Content[..512]);

        Assert.Equal(Content[..512], other.Disk[..512]);
        Assert.Equal(resets, other.Seen.Contains("02"));
        Assert.True(!resets || other.Seen.IndexOf("02") < other.Seen.IndexOf("01 2a"));
    }

    [Fact]
    public async Task Another_disk_in_the_place_of_the_first_is_none_to_go_on_with()
    {
        using var target = new FakeTarget();
        await using var node = await Client.OpenAsync(target.Options("""{"x-blockhost-retry-time":1}"""));
        target.Instead = async (session, pdu) =>
        {
            var isSerialNumber = pdu.Opcode == 1 && pdu.Command == 0x12 && pdu.Header[34] == 0x80;
            if (isSerialNumber)
            {
                await session.DataInAsync(pdu, 0, [0, 0x80, 0, 5, .. "other"u8], isLast: false);
                await session.AnswerAsync(pdu);
            }

            return isSerialNumber;
        };

        target.Cut();

        Assert.Contains("has another disk now", (await node.ReadErrorAsync()).Message);
    }

    [Theory]
    [InlineData(true, "The SCSI command timed out")]
    [InlineData(false, "The target closed the connection")]
    public async Task A_command_of_a_user_is_never_sent_twice(bool answersAborts, string reason)
    {
        using var target = new FakeTarget();
        var host = new TestPluginHost { Clock = new FastClock() };
        await using var node = await Client.OpenAsync(target.Options(), host);
        target.Instead = (_, pdu) =>
        {
            var isTheUsers = pdu.Opcode == 1 && pdu.Command == ReportLuns;
            if (isTheUsers && !answersAborts)
                target.Cut();
            return Task.FromResult(isTheUsers);
        };
        byte[] command = [ReportLuns, .. new byte[11]];
        var request = new ScsiRequest { Command = command, Timeout = TimeSpan.FromSeconds(2) };

        var error = await Assert.ThrowsAsync<BlockException>(
            () => ((IScsiDevice)node).SendAsync(request, default).AsTask().WaitAsync(Client.Soon));

        Assert.Contains(reason, error.Message);
        Assert.Single(target.Seen, "01 a0");
    }

    [Fact]
    public async Task A_goodbye_is_said_when_a_node_is_closed()
    {
        using var target = new FakeTarget();
        var node = await Client.OpenAsync(target.Options());

        await node.DisposeAsync();

        Assert.Equal("06", target.Seen[^1]);
    }

    [Fact]
    public async Task A_target_that_wants_to_know_whether_somebody_is_there_hears_it()
    {
        using var target = new FakeTarget();
        await using var node = await Client.OpenAsync(target.Options());
        target.Instead = async (session, pdu) =>
        {
            if (pdu.Opcode == 1)
                await session.SendAsync(TargetPdu.Of(0x20, 0x80, null, (16, uint.MaxValue), (20, 5), (24, session.StatSn)));
            return false;
        };

        await node.ReadAsync(0, 512);

        await Client.UntilAsync(() => target.Seen.Contains("00"));
    }

    [Fact]
    public async Task Many_requests_from_many_threads()
    {
        using var target = new FakeTarget { Window = 10, DataInLength = 8192 };
        await using var node = await Client.OpenAsync(target.Options());

        await Task.WhenAll(Enumerable.Range(0, 8).Select(writer => Task.Run(async () =>
        {
            for (var round = 0; round < 50; round++)
            {
                var place = ((writer * 50) + round) * 2048;
                await node.WriteAsync(place, Content[round..(round + 2048)]);
                Assert.Equal(Content[round..(round + 2048)], await node.ReadAsync(place, 2048));
            }
        })));
    }
}
