// SPDX-License-Identifier: MIT
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>What our programs convert, QEMU's read. Command lines are compared one by one in the differential tests.</summary>
public sealed class ConvertedImageTests
{
    [SkippableFact]
    public void Converted_images_are_sound_and_equal_for_qemu()
    {
        Programs.RequireQemu72();
        Programs.Require("qemu-io");
        using var folder = new Folder();
        CommandRunner.Check(folder.Path, "qemu-img", "create", "-q", "-f", "qcow2", "c.qcow2", "64M");
        CommandRunner.Check(
            folder.Path, "qemu-io", "-c", "write 1M 1M", "-c", "write -P 3 2M 64k", "-c", "write -z 4M 64k", "c.qcow2");

        CommandRunner.Check(
            folder.Path, Programs.Ours("qemu-img"), "convert", "-O", "qcow2", "-m", "16", "-W", "c.qcow2", "out.qcow2");
        CommandRunner.Check(folder.Path, Programs.Ours("qemu-img"), "convert", "-O", "raw", "-S", "0", "c.qcow2", "full.raw");

        CommandRunner.Check(folder.Path, "qemu-img", "check", "out.qcow2");
        CommandRunner.Check(folder.Path, "qemu-img", "compare", "c.qcow2", "out.qcow2");
        CommandRunner.Check(folder.Path, "qemu-img", "compare", "-F", "raw", "c.qcow2", "full.raw");
    }
}
