// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Filter.Blkdebug;
using BlockHost.Plugins.Filter.Blkdebug.Configuration;
using BlockHost.Plugins.Filter.Blkdebug.Rules;

namespace BlockHost.Filter.Blkdebug.Tests;

/// <summary>Files of rules. What is refused has QEMU's words; the differential cases compare them with QEMU's.</summary>
public sealed class ConfigFileTests
{
    [Fact]
    public void A_file_holds_errors_and_states()
    {
        const string text = """
            # comment
            [set-state]
            event = "write_aio"
            state = "1"
            new_state = "2"

            [inject-error "name"]
            event = "l2_load"
            iotype = "write-zeroes"
            errno = "0x1c"
            sector = "-1"
            once = "on"
            """;

        Assert.Equal(
            [
                new InjectRule(BlkdebugEvent.L2Load, 0)
                    { Type = BlkdebugIOType.WriteZeroes, Errno = Errno.ENOSPC, IsOnce = true },
                new SetStateRule(BlkdebugEvent.WriteAio, 1, 2),
            ],
            ConfigFile.Parse(text));
    }

    [Theory]
    [InlineData("event = \"l2_load\"", "no group defined")]
    [InlineData("[inject]", "There is no option group 'inject'")]
    [InlineData("[inject-error]", "Missing event name for rule")]
    [InlineData("[inject-error]\n \n", "parse error")]
    [InlineData("[inject-error]\nevent=\"l2_load\"", "Invalid parameter 'event=\"l2_load\"'")]
    [InlineData("[inject-error]\nevent = \"l2.load\"", "invalid parameter value: l2.load")]
    [InlineData("[inject-error]\nevent = \"l2_load\"\niotype = \"x\"", "invalid parameter value: x")]
    [InlineData("[inject-error]\nerrno = \"x\"", "Parameter 'errno' expects a number")]
    [InlineData("[inject-error]\nonce = \"x\"", "Parameter 'once' expects 'on' or 'off'")]
    [InlineData("[set-state]\nonce = \"on\"", "Invalid parameter 'once'")]
    [InlineData("[set-state \"a\"]\nevent = \"none\"\n[set-state \"a\"]", "Duplicate ID 'a' for set-state")]
    public void What_is_wrong_is_refused(string text, string message) =>
        Assert.Equal(message, Assert.Throws<BlockException>(() => ConfigFile.Parse(text)).Message);

    [Fact]
    public void Bytes_of_any_kind_are_refused_or_read()
    {
        var random = new Random(1);
        for (var i = 0; i < 2000; i++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(60)).Select(_ => "[]\"= \n#0-9xevent"[random.Next(16)]));
            var error = Record.Exception(() => ConfigFile.Parse(text));
            Assert.True(error is null or BlockException, $"{text}: {error}");
        }
    }

    [Fact]
    public async Task A_file_that_is_not_there_is_named_by_its_error()
    {
        var error = await Assert.ThrowsAsync<BlockException>(async () => await ConfigFile.ReadAsync("/nowhere/rules", default));
        Assert.Equal("Could not read blkdebug config file: No such file or directory", error.Message);
    }
}
