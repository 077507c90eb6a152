// SPDX-License-Identifier: MIT
using System.Text.RegularExpressions;
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>The same commands given to qemu-io and to us; times and rates are left out of the comparison.</summary>
public sealed partial class IoParityTests
{
    public static TheoryData<string> Commands =>
    [
        "write -P 0x41 0 64k", "read -P 0x41 0 64k", "read -P 0x42 0 64k", "read -v 0 33", "write -z 0 64k", "write -zu 0 4k", "write -f -P 3 64k 4k",
        "write 1M 512", "read 1M 512", "read foo 512", "read 0", "read -Z 0 1", "foo", "discard 0 64k", "flush", "length", "info", "map", "alloc 0 1M",
        "alloc 0", "writev -P 7 0 512 512 1024", "readv -v -P 7 0 16 16", "read -q 0 4k", "read -s 100 -l 100 -P 9 0 512", "read -s 1000 -P 0 0 512",
        "write -n 0 1", "write -P 300 0 512", "write -u 0 512", "write -z -P 3 0 512", "write -c -f 0 64k", "read 0 2G", "write 0 0", "truncate 2M",
        "write -s nofile 0 512", "sleep 1", "close", "help nonsense",
    ];

    [SkippableTheory]
    [MemberData(nameof(Commands))]
    public void A_command_prints_and_returns_what_qemu_io_does(string command)
    {
        Programs.RequireQemu72();
        Programs.Require("qemu-io");

        var expected = Run("qemu-io", command);
        var actual = Run(Programs.Ours("qemu-io"), command);

        Assert.Equal(expected, actual);
    }

    private static CommandResult Run(string program, string command)
    {
        using var folder = new Folder();
        CommandRunner.Check(folder.Path, "qemu-img", "create", "-q", "-f", "qcow2", "disk.qcow2", "1M");
        CommandRunner.Check(folder.Path, "qemu-io", "-c", "write -P 65 0 96k", "disk.qcow2");
        var result = CommandRunner.RunIn(folder.Path, program, "-c", command, "disk.qcow2");
        return result with { Output = Rates().Replace(result.Output, "TIME") };
    }

    [GeneratedRegex(@"\d\d\.\d\d sec \(.*\)")]
    private static partial Regex Rates();
}
