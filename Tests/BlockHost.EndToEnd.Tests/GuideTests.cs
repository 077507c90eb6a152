// SPDX-License-Identifier: MIT
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>What docs/guides tell a reader to do works as it stands, with our programs and with QEMU's.</summary>
public sealed class GuideTests
{
    public static TheoryData<string> Pages => [.. Names];

    /// <summary>QEMU has no platforms that images are made for, does not tell what hangs, and moves guests only.</summary>
    public static TheoryData<string> PagesOfBoth =>
        [.. Names.Except(["platforms.md", "hung-server.md", "move-to-another-host.md"])];

    /// <summary>A disk on Ceph takes a cluster: that page is tried where there is one, with the driver's tests.</summary>
    private static IEnumerable<string> Names => Directory.EnumerateFiles(Guides, "*.md").Select(path => Path.GetFileName(path))
        .Except(["disk-on-ceph.md"]).Order(StringComparer.Ordinal);

    private static string Guides => Path.Combine(SourceTree.Root, "docs", "guides");

    [SkippableTheory]
    [MemberData(nameof(Pages))]
    public Task A_guide_works_with_our_programs(string page)
    {
        Programs.Require("fio", "nbdcopy", "busybox", "socat", "qemu-system-x86_64");
        return RunAsync(page, $"{Path.Combine(SourceTree.Root, "artifacts", "bin")}:$PATH");
    }

    [SkippableTheory]
    [MemberData(nameof(PagesOfBoth))]
    public Task A_guide_works_with_QEMUs_programs(string page)
    {
        Programs.Require("qemu-img", "qemu-io", "qemu-storage-daemon", "fio", "nbdcopy", "busybox", "socat", "qemu-system-x86_64");
        return RunAsync(page, "$PATH");
    }

    /// <summary>The program that the first line builds is there already.</summary>
    [SkippableFact]
    public async Task The_READMEs_tour_works_as_it_stands()
    {
        Programs.Require("nbdinfo", "nbdcopy");
        using var folder = new Folder();
        File.CreateSymbolicLink(folder["blockhost"], Programs.Blockhost);
        File.CreateSymbolicLink(folder["artifacts"], Path.Combine(SourceTree.Root, "artifacts"));
        await new Guide(
            folder.Path,
            $"{Path.Combine(SourceTree.Root, "artifacts", "bin")}:$PATH").RunAsync(Path.Combine(SourceTree.Root, "README.md"));
    }

    private static async Task RunAsync(string page, string path)
    {
        using var folder = new Folder();
        await new Guide(folder.Path, path).RunAsync(Path.Combine(Guides, page));
    }
}
