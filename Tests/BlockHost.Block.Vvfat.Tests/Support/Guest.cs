// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Vvfat;
using BlockHost.Plugins.Block.Vvfat.Writing;

namespace BlockHost.Block.Vvfat.Tests.Support;

/// <summary>A guest that works on its floppy disk by mtools, and writes back what has changed.</summary>
internal sealed class Guest
{
    private const int Sector = 512;

    private readonly string _workFolder;
    private readonly string _image;
    private byte[] _known = [];

    public Guest(string workFolder)
    {
        _workFolder = workFolder;
        _image = Path.Combine(workFolder, "guest.img");
    }

    public string Image => _image;

    /// <summary>Reads all of the disk anew.</summary>
    public void Boot(WritableFolder disk)
    {
        _known = new byte[disk.Layout.Geometry.Length];
        disk.Read(0, _known);
        File.WriteAllBytes(_image, _known);
    }

    /// <summary>Runs a program of mtools on the disk.</summary>
    public void Run(string program, params string[] args)
    {
        Programs.Require(program);
        CommandRunner.Check(_workFolder, "env", ["LC_ALL=C.UTF-8", program, "-i", _image, .. args]);
    }

    public void Put(string hostFile, string name) => Run("mcopy", "-D", "o", hostFile, $"::{name}");

    /// <summary>Writes what has changed, sector by sector, in an order that the seed says.</summary>
    public void WriteBack(WritableFolder disk, int seed = 0)
    {
        var image = File.ReadAllBytes(_image);
        var changed = Enumerable.Range(0, image.Length / Sector).Where(sector => !SectorOf(image, sector)
            .SequenceEqual(SectorOf(_known, sector))).ToArray();
        new Random(seed).Shuffle(changed);
        foreach (var sector in changed)
            disk.Write(sector * Sector, image.AsMemory(sector * Sector, Sector));
        _known = image;
    }

    public void Save(WritableFolder disk)
    {
        WriteBack(disk);
        disk.Flush();
    }

    private static Span<byte> SectorOf(byte[] image, int sector) => image.AsSpan(sector * Sector, Sector);

    /// <summary>What the guest has on its disk.</summary>
    public SortedDictionary<string, string> Contents()
    {
        var folder = Path.Combine(_workFolder, Path.GetRandomFileName());
        return Judges.Contents(_image, folder);
    }
}

internal static class Writable
{
    /// <summary>A floppy disk of 2.88 MB with FAT16: the tables are easy to write.</summary>
    public static VvfatOptions Floppy(string folder) => new() { Dir = folder, Floppy = true, FatType = 16, Rw = true };

    public static WritableFolder Open(string folder, Action<string>? beforeStep = null)
    {
        var root = BlockHost.Posix.FolderCalls.TryOpenFolder(folder, out _)!;
        var opener = new FolderOpener(Floppy(folder), "GUEST      "u8.ToArray(), TimeZoneInfo.Utc, _ => { }) { BeforeStep = beforeStep };
        return opener.Open(root);
    }
}
