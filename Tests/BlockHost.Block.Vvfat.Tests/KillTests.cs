// SPDX-License-Identifier: MIT
using BlockHost.Block.Vvfat.Tests.Support;

namespace BlockHost.Block.Vvfat.Tests;

/// <summary>
/// A guest fills the disk with files while the daemon that serves it is killed, and starts again each time as a guest does
/// after a crash: it reads its disk, mends it and goes on. BLOCKHOST_VVFAT_KILLS is how often; without it, twice.
/// </summary>
public sealed class KillTests : IDisposable
{
    private readonly Folder _folder = new();
    private readonly Dictionary<string, byte[]> _safe = [];

    private string Shown => _folder["shown"];

    private string Disk => $"nbd+unix:///?socket={_folder["s"]}";

    /// <summary>It fails where its flush does, which qemu-img's convert keeps to itself.</summary>
    private string[] WriteAll => ["--flush", "--request-size=32768", "guest.img", Disk];

    [SkippableFact]
    public async Task A_folder_survives()
    {
        Programs.Require("qemu-img", "nbdcopy", "fsck.fat", "mcopy");
        SampleFolder.Fill(Shown);
        foreach (var path in Directory.EnumerateFiles(Shown))
            _safe[Path.GetFileName(path)] = File.ReadAllBytes(path);
        var kills = SearchSize.Of("BLOCKHOST_VVFAT_KILLS", 2);
        for (var round = 0; round < kills; round++)
        {
            await using var daemon = await ServeAsync();
            var (name, content) = FillMore(round);
            using var guest = CommandRunner.Start(_folder.Path, "nbdcopy", WriteAll);
            await Task.Delay(new Random(round).Next(5, 120));
            await daemon.KillAsync();
            await guest.WaitForExitAsync();
            // It was flushed: from then on it must be there.
            if (guest.ExitCode == 0)
                _safe[name] = content;
        }

        await using (var daemon = await ServeAsync())
        {
            var (name, content) = FillMore(kills);
            CommandRunner.Check(_folder.Path, "nbdcopy", WriteAll);
            _safe[name] = content;
            Assert.Equal(0, await daemon.TerminateAsync());
        }

        Judges.CheckSame(Judges.Contents(_folder["guest.img"], _folder["found"]), Judges.ContentsOf(Shown));
        foreach (var (name, content) in _safe)
            Assert.Equal(content, File.ReadAllBytes(Path.Combine(Shown, name)));
        Assert.False(Directory.Exists(_folder[".shown.vvfat"]));
    }

    public void Dispose() => _folder.Dispose();

    /// <summary>
    /// The guest starts: reads its disk, mends what the crash has left half done, and puts one more file on it.
    /// </summary>
    private (string Name, byte[] Content) FillMore(int round)
    {
        CommandRunner.Check(_folder.Path, "qemu-img", "convert", "-f", "raw", "-O", "raw", Disk, "guest.img");
        var check = CommandRunner.RunIn(_folder.Path, "fsck.fat", "-a", "guest.img");
        Assert.True(check.ExitCode is 0 or 1, check.ToString());
        var name = $"file of round {round}";
        var content = SampleFolder.Write(_folder.Path, "new", 20_000 + (round * 777));
        CommandRunner.Check(_folder.Path, "mcopy", "-D", "o", "-i", "guest.img", "new", $"::{name}");
        return (name, content);
    }

    private Task<ServerProcess> ServeAsync()
    {
        File.Delete(_folder["s"]);
        return ServerProcess.StartAsync(
            _folder["s"], _folder.Path, Programs.Ours("qemu-nbd"), "-t", "-k", _folder["s"], "-f", "raw", $"fat:rw:floppy:16:{Shown}");
    }
}
