// SPDX-License-Identifier: MIT
using BlockHost.Block.Vvfat.Tests.Support;
using BlockHost.Plugins.Block.Vvfat.Writing;

namespace BlockHost.Block.Vvfat.Tests;

/// <summary>
/// What a guest writes is in the folder when its file system is whole, and what it leaves alone stays as it is.
/// </summary>
public sealed class WrittenFolderTests : IDisposable
{
    private readonly Folder _folder = new();
    private readonly Guest _guest;

    public WrittenFolderTests()
    {
        _guest = new Guest(_folder.Path);
        SampleFolder.Fill(Shown);
        SampleFolder.Write(_folder.Path, "new", 70_001);
        SampleFolder.Write(_folder.Path, "small", 3);
    }

    private string Shown => _folder["shown"];

    private string Journal => _folder[".shown.vvfat"];

    [SkippableFact]
    public void Files_and_folders_are_made_changed_renamed_moved_and_removed()
    {
        using (var disk = Writable.Open(Shown))
        {
            _guest.Boot(disk);
            _guest.Put(_folder["new"], "/a new file with a long name");
            _guest.Put(_folder["new"], "/hello.txt");
            _guest.Put(_folder["small"], "/sub/data.bin");
            _guest.Run("mmd", "::/made", "::/made/deeper");
            _guest.Put(_folder["small"], "/made/deeper/leaf");
            _guest.Run("mren", "::/README", "::/renamed");
            _guest.Run("mmove", "::/tar.gz.sig", "::/made");
            _guest.Run("mren", "::/sub/deep", "::/sub/renamed folder");
            _guest.Run("mdel", "::/empty");
            _guest.Run("mrd", "::/sub/nothing");
            _guest.Save(disk);

            Assert.True(disk.TakeBack(), disk.Problem);
            Judges.CheckSame(_guest.Contents(), Judges.ContentsOf(Shown));
            disk.Close();
        }

        Judges.CheckSame(_guest.Contents(), Judges.ContentsOf(Shown));
        Assert.False(Directory.Exists(Journal));
    }

    [SkippableFact]
    public void What_the_guest_sees_never_changes_by_itself()
    {
        using var disk = Writable.Open(Shown);
        _guest.Boot(disk);
        for (var round = 0; round < 6; round++)
        {
            _guest.Put(_folder["new"], $"/file {round % 2}");
            _guest.Run("mren", "::/sub/data.bin", $"::/sub/data{round}");
            _guest.Run("mren", $"::/sub/data{round}", "::/sub/data.bin");
            if (round == 3)
                _guest.Run("mdel", "::/sub/data.bin", "::/hello.txt");
            if (round == 3)
                _guest.Put(_folder["small"], "/sub/data.bin");
            _guest.Save(disk);
            Assert.True(disk.TakeBack(), disk.Problem);

            var seen = new byte[disk.Layout.Geometry.Length];
            disk.Read(0, seen);
            Assert.Equal(File.ReadAllBytes(_guest.Image), seen);
            Judges.CheckSame(_guest.Contents(), Judges.ContentsOf(Shown));
        }
    }

    [SkippableFact]
    public void What_is_left_alone_stays_the_same_file()
    {
        File.SetUnixFileMode(Path.Combine(Shown, "hello.txt"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var before = InodesOf("README", "sub/data.bin", "tar.gz.sig");
        using var disk = Writable.Open(Shown);
        _guest.Boot(disk);
        _guest.Put(_folder["new"], "/hello.txt");
        _guest.Run("mren", "::/tar.gz.sig", "::/moved away");
        _guest.Save(disk);
        disk.Close();
        Assert.Null(disk.Problem);

        Assert.Equal(before, InodesOf("README", "sub/data.bin", "moved away"));
        Assert.True(File.GetUnixFileMode(Path.Combine(Shown, "hello.txt")).HasFlag(UnixFileMode.UserExecute));
    }

    [SkippableFact]
    public void Names_change_places()
    {
        using var disk = Writable.Open(Shown);
        _guest.Boot(disk);
        _guest.Run("mren", "::/hello.txt", "::/third");
        _guest.Run("mren", "::/README", "::/hello.txt");
        _guest.Run("mren", "::/third", "::/README");
        _guest.Save(disk);
        disk.Close();
        Assert.Null(disk.Problem);

        Judges.CheckSame(_guest.Contents(), Judges.ContentsOf(Shown));
    }

    [SkippableFact]
    public void A_guest_between_two_changes_is_waited_for_and_finds_its_disk_again()
    {
        var before = Judges.ContentsOf(Shown);
        using (var disk = Writable.Open(Shown))
        {
            _guest.Boot(disk);
            _guest.Put(_folder["new"], "/new file");
            var image = File.ReadAllBytes(_guest.Image);
            // Directories are written, tables not yet.
            var root = (int)disk.Layout.Geometry.RootAt;
            disk.Write(root, image.AsMemory(root, image.Length - root));
            disk.Flush();
            Assert.False(disk.TakeBack());
            disk.Close();
        }

        Assert.Equal(before, Judges.ContentsOf(Shown));
        Assert.True(Directory.Exists(Journal));
        using (var disk = Writable.Open(Shown))
        {
            Assert.NotNull(disk.Problem);
            _guest.WriteBack(disk);
            disk.Flush();
            disk.Close();
            Assert.Null(disk.Problem);
        }

        Judges.CheckSame(_guest.Contents(), Judges.ContentsOf(Shown));
        Assert.False(Directory.Exists(Journal));
    }

    [Fact]
    public void A_disk_that_is_not_whole_is_the_same_when_it_is_opened_again()
    {
        byte[] left;
        using (var disk = Writable.Open(Shown))
        {
            disk.Write(0, new byte[512]);
            left = ContentOf(disk);
            disk.Flush();
        }

        using var again = Writable.Open(Shown);
        Assert.NotNull(again.Problem);
        Assert.Equal(left, ContentOf(again));
    }

    [Theory]
    [InlineData("layout", "\"SectorsPerCluster\":1", "\"SectorsPerCluster\":0")]
    [InlineData("layout", "\"Bits\":16", "\"Bits\":13")]
    [InlineData("layout", "\"Sectors\":5760", "\"Sectors\":4")]
    [InlineData("layout", "\"First\":2,", "\"First\":4294967295,")]
    [InlineData("layout", "\"Count\":", "\"Count\":4294967")]
    [InlineData("layout", "\"RootEntries\":", "\"RootEntries\":99999")]
    [InlineData("layout", "}", "")]
    [InlineData("state", "\"Run\":0", "\"Run\":70000")]
    [InlineData("state", "\"Items\"", "\"Things\"")]
    [InlineData("data", null, null)]
    [InlineData("map", null, null)]
    public void A_damaged_journal_is_refused_by_name_and_kept(string file, string? text, string? damage)
    {
        using (var disk = Writable.Open(Shown))
        {
            disk.Write(0, new byte[512]);
            disk.Flush();
        }

        var path = Path.Combine(Journal, file);
        if (text is null)
            File.WriteAllBytes(path, File.ReadAllBytes(path)[..^100]);
        else
            File.WriteAllText(path, File.ReadAllText(path).Replace(text, damage, StringComparison.Ordinal));
        var before = File.ReadAllBytes(path);

        var e = Assert.Throws<BlockException>(() => Writable.Open(Shown));
        Assert.Contains($"'{path}' is damaged", e.Message, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(path));
    }

    [SkippableFact]
    public void What_guest_and_host_have_both_changed_stays_as_the_host_has_it_and_in_the_journal()
    {
        using (var disk = Writable.Open(Shown))
        {
            _guest.Boot(disk);
            _guest.Put(_folder["new"], "/hello.txt");
            _guest.Save(disk);
            File.WriteAllText(Path.Combine(Shown, "hello.txt"), "of the host");
            disk.Close();
            Assert.Equal("'hello.txt' was changed in the folder and by the guest", disk.Problem);
        }

        Assert.Equal("of the host", File.ReadAllText(Path.Combine(Shown, "hello.txt")));
        // Whoever mends it by giving the host's version another name has both.
        File.Move(Path.Combine(Shown, "hello.txt"), Path.Combine(Shown, "hello of the host"));
        using (var disk = Writable.Open(Shown))
            Assert.Null(disk.Problem);
        Assert.Equal(File.ReadAllBytes(_folder["new"]), File.ReadAllBytes(Path.Combine(Shown, "hello.txt")));
        Assert.Equal("of the host", File.ReadAllText(Path.Combine(Shown, "hello of the host")));
    }

    [Fact]
    public void One_guest_at_a_time()
    {
        using var disk = Writable.Open(Shown);

        var error = Assert.Throws<BlockException>(() => Writable.Open(Shown));

        Assert.Equal($"Folder '{Shown}' is open for writing elsewhere", error.Message);
    }

    [Fact]
    public void Names_that_differ_in_case_alone_are_refused()
    {
        SampleFolder.Write(Shown, "readme", 1);

        var error = Assert.Throws<BlockException>(() => Writable.Open(Shown));

        Assert.StartsWith("'readme~2' is not what the folder calls it", error.Message);
        Assert.False(Directory.Exists(Journal));
    }

    public void Dispose() => _folder.Dispose();

    private static byte[] ContentOf(WritableFolder disk)
    {
        var content = new byte[disk.Layout.Geometry.Length];
        disk.Read(0, content);
        return content;
    }

    private string InodesOf(params string[] names) => CommandRunner.Check(Shown, "stat", ["-c", "%i", .. names]);
}
