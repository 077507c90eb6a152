// SPDX-License-Identifier: MIT
using BlockHost.Block.Vvfat.Tests.Support;
using BlockHost.Plugins.Block.Vvfat.Writing;

namespace BlockHost.Block.Vvfat.Tests;

/// <summary>
/// The program ends before any step of bringing the folder up to date, also while it makes up for that: the next one completes
/// it. BLOCKHOST_VVFAT_CRASHES is how many second ends are tried for each first one; without it, one.
/// </summary>
public sealed class CrashTests : IDisposable
{
    private readonly Folder _folder = new();

    private string Shown => _folder["shown"];

    [SkippableFact]
    public void The_next_one_completes_it()
    {
        var (before, after, journal) = Prepare();
        var steps = StepsOf(before, journal);
        Assert.True(steps > 20, $"{steps} steps");
        for (var first = 0; first < steps; first++)
        {
            for (var second = 0; second < SearchSize.Of("BLOCKHOST_VVFAT_CRASHES", 1); second++)
            {
                SetUp(before, journal);
                EndAt(first);
                EndAt((first * 7 + second * 3 + 5) % steps);
                using (var disk = Writable.Open(Shown))
                    disk.Close();

                Judges.CheckSame(after, Judges.ContentsOf(Shown));
                Assert.False(Directory.Exists(_folder[".shown.vvfat"]));
            }
        }
    }

    public void Dispose() => _folder.Dispose();

    /// <summary>A folder and a journal with changes that it does not have.</summary>
    private (string Before, SortedDictionary<string, string> After, string Journal) Prepare()
    {
        SampleFolder.Write(Shown, "changed", 5000);
        SampleFolder.Write(Shown, "renamed", 3000);
        SampleFolder.Write(Shown, "removed", 1000);
        SampleFolder.Write(Shown, "sub/leaf", 100);
        SampleFolder.Write(_folder.Path, "new", 2000);
        Copy(Shown, _folder["before"], "-al");
        var guest = new Guest(_folder.Path);
        using (var disk = Writable.Open(Shown))
        {
            guest.Boot(disk);
            guest.Put(_folder["new"], "/changed");
            guest.Put(_folder["new"], "/added");
            guest.Run("mren", "::/renamed", "::/other name");
            guest.Run("mdel", "::/removed");
            guest.Run("mmd", "::/made");
            guest.Run("mmove", "::/sub/leaf", "::/made");
            guest.Run("mrd", "::/sub");
            guest.Save(disk);
        }

        Copy(_folder[".shown.vvfat"], _folder["journal"]);
        return (_folder["before"], guest.Contents(), _folder["journal"]);
    }

    private int StepsOf(string before, string journal)
    {
        SetUp(before, journal);
        var steps = 0;
        using var disk = Writable.Open(Shown, _ => steps++);
        disk.Close();
        return steps;
    }

    private void SetUp(string before, string journal)
    {
        Directory.Delete(Shown, recursive: true);
        if (Directory.Exists(_folder[".shown.vvfat"]))
            Directory.Delete(_folder[".shown.vvfat"], recursive: true);
        // The same files: nothing is ever written into them.
        Copy(before, Shown, "-al");
        Copy(journal, _folder[".shown.vvfat"]);
    }

    private void EndAt(int step)
    {
        var count = 0;
        try
        {
            using var disk = Writable.Open(Shown, _ =>
            {
                if (count++ == step)
                    throw new ProgramEndsException();
            });
            disk.Close();
        }
        catch (ProgramEndsException)
        {
        }
    }

    private void Copy(string from, string to, string files = "-a") => CommandRunner.Check(_folder.Path, "cp", files, from, to);

    private sealed class ProgramEndsException : Exception;
}
