// SPDX-License-Identifier: MIT
using BlockHost.Block.Vvfat.Tests.Support;
using BlockHost.Plugins.Block.Vvfat;

namespace BlockHost.Block.Vvfat.Tests;

/// <summary>What programs that know FAT find on the disk is what is in the folder.</summary>
public sealed class ShownFolderTests : IDisposable
{
    private readonly Folder _folder = new();

    private string Shown => _folder["shown"];

    [SkippableTheory]
    [InlineData(null, false)]
    [InlineData(12, false)]
    [InlineData(16, false)]
    [InlineData(32, false)]
    [InlineData(null, true)]
    [InlineData(12, true)]
    [InlineData(16, true)]
    public async Task In_each_kind_of_disk(int? fatType, bool floppy)
    {
        SampleFolder.Fill(Shown);
        var options = new VvfatOptions { Dir = Shown, FatType = fatType, Floppy = floppy };
        await CheckShownAsync(options);
    }

    [SkippableFact]
    public async Task With_an_empty_folder()
    {
        Directory.CreateDirectory(Shown);
        await SaveAsync(new VvfatOptions { Dir = Shown });
        Judges.CheckSound(_folder["volume"]);
    }

    /// <summary>Short names go up to ~1000, and directories over many clusters.</summary>
    [SkippableTheory]
    [InlineData(16)]
    [InlineData(32)]
    public async Task With_a_thousand_names_that_begin_alike(int fatType)
    {
        for (var i = 0; i < 1000; i++)
            SampleFolder.Write(Shown, $"names that begin alike {i}.text", i % 3);
        await CheckShownAsync(new VvfatOptions { Dir = Shown, FatType = fatType });
    }

    [SkippableFact]
    public async Task With_names_as_long_as_they_can_be()
    {
        SampleFolder.Write(Shown, new string('x', 255), 5);
        SampleFolder.Write(Shown, new string('y', 251) + ".txt", 5);
        SampleFolder.Write(Shown, new string('z', 13), 5);
        SampleFolder.Write(Shown, new string('z', 26), 5);
        await CheckShownAsync(new VvfatOptions { Dir = Shown });
    }

    [SkippableFact]
    public async Task With_a_folder_larger_than_QEMUs_disk()
    {
        SampleFolder.Write(Shown, "small", 100);
        foreach (var name in (string[])["first", "second"])
        {
            using var file = File.Create(Path.Combine(Shown, name));
            // fsck.fat counts the bytes of a chain in 32 bits.
            file.SetLength(name == "first" ? uint.MaxValue - 100_000 : 3L << 30);
        }

        Programs.Require("mdir");
        await using var disk = await Disk.OpenAsync(new VvfatOptions { Dir = Shown, FatType = 32 });
        // The tables, and not what is in the files.
        var head = await disk.ReadAsync(Judges.PartitionAt, 64 << 20);
        using (var volume = File.Create(_folder["volume"]))
        {
            volume.Write(head);
            volume.SetLength(disk.Node.Profile.Length - Judges.PartitionAt);
        }

        Judges.CheckSound(_folder["volume"]);
        var listing = CommandRunner.Check(_folder.Path, "mdir", "-i", "volume", "::");
        Assert.Contains("4294867295", listing);
        Assert.Contains("3221225472", listing);
    }

    [SkippableFact]
    public async Task As_QEMU_shows_it()
    {
        Programs.RequireQemu72();
        SampleFolder.Fill(Shown);
        CommandRunner.Check(_folder.Path, "qemu-img", "convert", "-f", "raw", "-O", "raw", $"fat:{Shown}", "theirs");
        using (var theirs = File.OpenRead(_folder["theirs"]))
        using (var volume = File.Create(_folder["their-volume"]))
        {
            // What follows is clusters that are free.
            var head = new byte[4 << 20];
            theirs.Position = Judges.PartitionAt;
            theirs.ReadExactly(head);
            volume.Write(head);
            volume.SetLength(theirs.Length - Judges.PartitionAt);
        }

        await SaveAsync(new VvfatOptions { Dir = Shown });

        Assert.Equal(new FileInfo(_folder["their-volume"]).Length, new FileInfo(_folder["volume"]).Length);
        Judges.CheckSame(
            Judges.Contents(_folder["their-volume"], _folder["theirs-found"]),
            Judges.Contents(_folder["volume"], _folder["found"]));
    }

    [SkippableFact]
    public async Task With_its_label()
    {
        SampleFolder.Write(Shown, "a", 1);
        await SaveAsync(new VvfatOptions { Dir = Shown, Label = "HOLIDAYS" });
        Programs.Require("mlabel");
        Assert.Contains("HOLIDAYS", CommandRunner.Check(_folder.Path, "mlabel", "-s", "-i", "volume", "::"));
        Judges.CheckSound(_folder["volume"]);
    }

    public void Dispose() => _folder.Dispose();

    private async Task CheckShownAsync(VvfatOptions options)
    {
        await SaveAsync(options);
        Judges.CheckSound(_folder["volume"]);
        Judges.CheckSame(Judges.ContentsOf(Shown), Judges.Contents(_folder["volume"], _folder["found"]));
    }

    private async Task SaveAsync(VvfatOptions options)
    {
        await using var disk = await Disk.OpenAsync(options);
        await disk.SaveAsync(_folder["volume"], options.Floppy == true ? 0 : Judges.PartitionAt);
    }
}
