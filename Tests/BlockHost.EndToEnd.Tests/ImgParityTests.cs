// SPDX-License-Identifier: MIT
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>The same command lines, one after the other, given to qemu-img and to us in folders with the same images.</summary>
public sealed class ImgParityTests
{
    [SkippableFact]
    public void Every_command_line_prints_and_returns_what_qemu_img_does()
    {
        Programs.RequireQemu72();
        Programs.Require("qemu-io");
        using var theirs = NewFolder();
        using var ours = NewFolder();
        var differences = new List<string>();
        foreach (var line in File.ReadLines(Path.Combine(AppContext.BaseDirectory, "ImgCommandLines.txt")))
        {
            var args = line.Split(' ');
            var expected = CommandRunner.RunIn(theirs.Path, "qemu-img", args);
            var actual = CommandRunner.RunIn(ours.Path, Programs.Ours("qemu-img"), args);
            if (expected != actual)
                differences.Add($"qemu-img {line}\nexpected {expected}\nactual {actual}");
        }

        Assert.True(differences.Count == 0, string.Join("\n====\n", differences));
    }

    [SkippableFact]
    public void Converted_images_are_sound_and_equal_for_qemu()
    {
        Programs.RequireQemu72();
        Programs.Require("qemu-io");
        using var folder = NewFolder();
        CommandRunner.Check(
            folder.Path, Programs.Ours("qemu-img"), "convert", "-O", "qcow2", "-m", "16", "-W", "c.qcow2", "out.qcow2");
        CommandRunner.Check(folder.Path, Programs.Ours("qemu-img"), "convert", "-O", "raw", "-S", "0", "c.qcow2", "full.raw");

        CommandRunner.Check(folder.Path, "qemu-img", "check", "out.qcow2");
        CommandRunner.Check(folder.Path, "qemu-img", "compare", "c.qcow2", "out.qcow2");
        CommandRunner.Check(folder.Path, "qemu-img", "compare", "-F", "raw", "c.qcow2", "full.raw");
    }

    private static Folder NewFolder()
    {
        var folder = new Folder();
        CommandRunner.Check(folder.Path, "qemu-img", "create", "-q", "-f", "qcow2", "a.qcow2", "64M");
        CommandRunner.Check(folder.Path, "qemu-io", "-c", "write 1M 1M", "a.qcow2");
        File.Copy(folder["a.qcow2"], folder["c.qcow2"]);
        CommandRunner.Check(folder.Path, "qemu-io", "-c", "write -P 3 2M 64k", "-c", "write -z 4M 64k", "c.qcow2");
        CommandRunner.Check(folder.Path, "qemu-img", "create", "-q", "r.raw", "1M");
        return folder;
    }
}
