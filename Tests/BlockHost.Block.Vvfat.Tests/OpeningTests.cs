// SPDX-License-Identifier: MIT
using BlockHost.Block.Vvfat.Tests.Support;
using BlockHost.Plugins.Block.Vvfat;

namespace BlockHost.Block.Vvfat.Tests;

/// <summary>Which folders are shown, what of them, and what is refused in which words.</summary>
public sealed class OpeningTests : IDisposable
{
    private readonly Folder _folder = new();

    [Theory]
    [InlineData("fat:x", "x", 0, false, false)]
    [InlineData("fat:/a/b", "/a/b", 0, false, false)]
    [InlineData("fat:rw:x", "x", 0, false, true)]
    [InlineData("fat:floppy:x", "x", 0, true, false)]
    [InlineData("fat:12:x", "x", 12, false, false)]
    [InlineData("fat:32:rw:x", "x", 32, false, true)]
    [InlineData("fat:rw:floppy:16:x", "x", 16, true, true)]
    [InlineData("fat:16", "16", 0, false, false)]
    [InlineData("fat:rw", "rw", 0, false, false)]
    [InlineData("fat:with:colon", "with:colon", 0, false, false)]
    [InlineData("fat:", "", 0, false, false)]
    public void A_file_name_says_all(string name, string dir, int fatType, bool floppy, bool rw) =>
        Assert.Equal(new VvfatOptions { Dir = dir, FatType = fatType, Floppy = floppy, Rw = rw }, FolderName.Parse(name));

    [Theory]
    [InlineData(null, false, 528482304)]
    [InlineData(0, false, 528482304)]
    [InlineData(12, false, 33030144)]
    [InlineData(16, false, 528482304)]
    [InlineData(32, false, 528482304)]
    [InlineData(null, true, 2949120)]
    [InlineData(12, true, 1474560)]
    [InlineData(16, true, 2949120)]
    public async Task A_disk_is_as_large_as_QEMUs(int? fatType, bool floppy, long length)
    {
        await using var disk = await Disk.OpenAsync(new VvfatOptions { Dir = _folder.Path, FatType = fatType, Floppy = floppy });

        Assert.Equal(length, disk.Node.Profile.Length);
    }

    [Theory]
    [InlineData(13, false, "Valid FAT types are only 12, 16 and 32")]
    [InlineData(32, true, "A floppy disk is too small for FAT32")]
    public Task Types_that_cannot_be_are_refused(int fatType, bool floppy, string message) =>
        RefusesAsync(new VvfatOptions { Dir = _folder.Path, FatType = fatType, Floppy = floppy }, message);

    [Fact]
    public Task Writing_needs_a_disk_that_can_be_written() => RefusesAsync(
        new VvfatOptions { Dir = _folder.Path, Rw = true }, "Unable to set VVFAT to 'rw' when drive is read-only");

    [Fact]
    public Task A_label_that_is_too_long_is_refused() =>
        RefusesAsync(new VvfatOptions { Dir = _folder.Path, Label = "twelve bytes" }, "vvfat label cannot be longer than 11 bytes");

    [Fact]
    public Task A_folder_that_is_not_there_is_refused() =>
        RefusesAsync(new VvfatOptions { Dir = "/not/there" }, "Could not read directory /not/there: No such file or directory");

    [Fact]
    public async Task A_file_in_its_place_is_refused()
    {
        File.WriteAllText(_folder["file"], "");

        await RefusesAsync(new VvfatOptions { Dir = _folder["file"] }, $"Could not read directory {_folder["file"]}: Not a directory");
    }

    [Fact]
    public async Task A_file_of_4_GiB_is_refused_by_its_name()
    {
        using (var file = File.Create(_folder["too large.iso"]))
            file.SetLength(1L << 32);

        await RefusesAsync(
            new VvfatOptions { Dir = _folder.Path, FatType = 32 },
            "File 'too large.iso' has 4294967296 bytes, and a file on a FAT disk less than 4 GiB");
    }

    [Theory]
    [InlineData(12, true, "1.44", 2_000_000)]
    [InlineData(null, true, "2.88", 3_000_000)]
    [InlineData(12, false, "32.22", 40_000_000)]
    [InlineData(16, false, "516.06", 600_000_000)]
    public async Task A_folder_that_does_not_fit_is_refused_in_QEMUs_words(int? fatType, bool floppy, string capacity, long size)
    {
        using (var file = File.Create(_folder["large"]))
            file.SetLength(size);

        await RefusesAsync(
            new VvfatOptions { Dir = _folder.Path, FatType = fatType, Floppy = floppy },
            $"Directory does not fit in FAT{fatType ?? 12} (capacity {capacity} MB)");
    }

    [SkippableFact]
    public async Task Links_lead_to_files_inside_only_and_what_is_no_file_is_left_out()
    {
        SampleFolder.Write(_folder.Path, "shown/sub/file", 10);
        var shown = _folder["shown"];
        SampleFolder.Write(_folder.Path, "secret", 10);
        File.CreateSymbolicLink(Path.Combine(shown, "inside"), "sub/file");
        File.CreateSymbolicLink(Path.Combine(shown, "sub/up"), "../sub/file");
        File.CreateSymbolicLink(Path.Combine(shown, "outside"), "../secret");
        File.CreateSymbolicLink(Path.Combine(shown, "absolute"), "/etc/passwd");
        File.CreateSymbolicLink(Path.Combine(shown, "nowhere"), "nowhere");
        File.CreateSymbolicLink(Path.Combine(shown, "loop"), ".");
        File.CreateSymbolicLink(Path.Combine(shown, "device"), "/dev/zero");
        CommandRunner.Check(shown, "mkfifo", "pipe");

        await using var disk = await Disk.OpenAsync(shown);
        await disk.SaveAsync(_folder["volume"], Judges.PartitionAt);

        Assert.Equal(
            ["inside", "sub/", "sub/file", "sub/up"],
            Judges.Contents(_folder["volume"], _folder["found"]).Keys);
    }

    /// <summary>A name that no UTF-16 can say is left out, and nothing else.</summary>
    [SkippableFact]
    public async Task Names_that_are_not_UTF_8_are_left_out()
    {
        CommandRunner.Check(_folder.Path, "sh", "-c", "mkdir shown && : > \"$(printf 'shown/\\377')\" && : > shown/good");
        await using var disk = await Disk.OpenAsync(_folder["shown"]);
        await disk.SaveAsync(_folder["volume"], Judges.PartitionAt);

        Assert.Equal(["good"], Judges.Contents(_folder["volume"], _folder["found"]).Keys);
        // The runtime can neither.
        CommandRunner.Check(_folder.Path, "rm", "-r", "shown");
    }

    public void Dispose() => _folder.Dispose();

    private static async Task RefusesAsync(VvfatOptions options, string message)
    {
        var error = await Assert.ThrowsAsync<BlockException>(() => Disk.OpenAsync(options));

        Assert.Equal(message, error.Message);
    }
}
