// SPDX-License-Identifier: MIT
using BlockHost.Block.Vvfat.Tests.Support;

namespace BlockHost.Block.Vvfat.Tests;

/// <summary>Whoever changes the folder under the disk never has the guest read something that never was.</summary>
public sealed class ChangedFolderTests : IDisposable
{
    private readonly Folder _folder = new();

    public static TheoryData<string, Action<string>> Changes => new()
    {
        { "written", path => Change(path, file => file.WriteByte(1)) },
        { "longer", path => File.AppendAllText(path, "more") },
        { "shorter", path => Change(path, file => file.SetLength(10)) },
        { "replaced", path => { File.Copy(path, path + ".new"); File.Move(path + ".new", path, overwrite: true); } },
        { "gone", File.Delete },
        { "a folder", path => { File.Delete(path); Directory.CreateDirectory(path); } },
        { "a link", path => { File.Delete(path); File.CreateSymbolicLink(path, "/etc/passwd"); } },
        { "written, with its old time", path => Disguise(path) },
    };

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task A_file_that_is_not_what_it_was_cannot_be_read(string how, Action<string> change)
    {
        var content = SampleFolder.Write(_folder.Path, "victim.bin", 20_000);
        var other = SampleFolder.Write(_folder.Path, "other.bin", 20_001);
        await using var disk = await Disk.OpenAsync(_folder.Path);
        var (at, otherAt) = (await disk.FindAsync(content[..16]), await disk.FindAsync(other[..16]));
        Assert.Equal(content[..512], await disk.ReadAsync(at, 512));

        change(_folder["victim.bin"]);

        var error = await Assert.ThrowsAsync<BlockException>(() => disk.ReadAsync(at + 512, 512));
        Assert.True(error.Message.Contains("'victim.bin'"), $"{how}: {error.Message}");
        Assert.Equal(Errno.EIO, error.Errno);
        Assert.Equal(other[..512], await disk.ReadAsync(otherAt, 512));
    }

    [Fact]
    public async Task What_is_added_is_not_seen()
    {
        SampleFolder.Write(_folder.Path, "there", 5);
        await using var disk = await Disk.OpenAsync(_folder.Path);
        var before = await disk.ReadAsync(0, 1 << 20);

        SampleFolder.Write(_folder.Path, "added", 5);

        Assert.Equal(before, await disk.ReadAsync(0, 1 << 20));
    }

    /// <summary>A writer changes all of a file again and again: a read gives one of its states, or fails.</summary>
    [Fact]
    public async Task No_read_is_torn()
    {
        const int Length = 64 << 10;
        var path = _folder["busy"];
        File.WriteAllBytes(path, Enumerable.Repeat((byte)1, Length).ToArray());
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var writer = Task.Run(() => WriteAgainAndAgain(path, Length, stop.Token));
        var (whole, refused) = (0, 0);
        for (var round = 0; !stop.IsCancellationRequested && (round < 5 || whole == 0 || refused == 0); round++)
        {
            await using var disk = await Disk.OpenAsync(_folder.Path);
            var at = DataAt(disk);
            for (var i = 0; i < 20; i++)
            {
                try
                {
                    var bytes = await disk.ReadAsync(at, Length);
                    Assert.False(bytes.AsSpan().ContainsAnyExcept(bytes[0]), "A read is torn");
                    whole++;
                }
                catch (BlockException)
                {
                    refused++;
                }
            }
        }

        await stop.CancelAsync();
        await writer;
        Assert.True(whole > 0 && refused > 0, $"{whole} whole, {refused} refused");
    }

    public void Dispose() => _folder.Dispose();

    private static void WriteAgainAndAgain(string path, int length, CancellationToken stop)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        for (byte value = 2; !stop.IsCancellationRequested; value++)
        {
            // In small pieces, so that there is something to tear.
            var piece = Enumerable.Repeat(value, 4096).ToArray();
            for (var at = 0; at < length; at += piece.Length)
                RandomAccess.Write(file, piece, at);
            stop.WaitHandle.WaitOne(value % 16 == 0 ? 60 : 0);
        }
    }

    /// <summary>The only file's clusters are the first.</summary>
    private static long DataAt(Disk disk)
    {
        const int FatSectors = 252;
        const int RootSectors = 32;
        Assert.Equal(528482304, disk.Node.Profile.Length);
        return Judges.PartitionAt + ((1 + (2 * FatSectors) + RootSectors) * 512);
    }

    private static void Change(string path, Action<FileStream> change)
    {
        using var file = File.OpenWrite(path);
        change(file);
    }

    private static void Disguise(string path)
    {
        var time = File.GetLastWriteTimeUtc(path);
        Change(path, file => file.WriteByte(1));
        File.SetLastWriteTimeUtc(path, time);
    }
}
