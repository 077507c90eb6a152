// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;
using BlockHost.Tools.Differential.Tests.Sides;

namespace BlockHost.Tools.Differential.Tests.Beyond;

/// <summary>convert --for makes images that a platform takes, and says why it cannot.</summary>
[Collection(InProcessTool.OneAtATime)]
public sealed class PlatformTests : IDisposable
{
    private const int MiB = 1 << 20;

    private readonly string _folder = Directory.CreateTempSubdirectory("bh").FullName;

    public PlatformTests()
    {
        Run("blockhost img", "create -q -f qcow2 disk 3500k");
        Run("blockhost io", "-c|write -q -P 1 0 1M|-c|write -q -P 2 3M 428k|disk", '|');
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("azure", "vpc", 4)]
    [InlineData("hyperv", "vhdx", 4)]
    [InlineData("hyperv -O vpc", "vpc", 4)]
    [InlineData("esxi", "vmdk", 4)]
    [InlineData("esxi -o subformat=monolithicFlat", "vmdk", 4)]
    [InlineData("virtualbox", "vdi", 4)]
    [InlineData("aws", "vmdk", 4)]
    [InlineData("aws -O raw", "raw", 4)]
    public void An_image_has_the_disk_and_the_length_that_is_wanted(string platform, string format, int length)
    {
        Run("blockhost img", $"convert --for {platform} disk x");
        Run("blockhost img", $"convert -f {format} -O raw x x.raw");

        var content = File.ReadAllBytes(Path.Combine(_folder, "x.raw"));
        Assert.Equal(length * MiB, content.Length);
        Assert.Equal(MiB, content.Count(b => b == 1));
        Assert.Equal(428 << 10, content.AsSpan(3 * MiB, 428 << 10).Count((byte)2));
        Assert.Equal(0, content[^1]);
    }

    [Fact]
    public void An_image_for_Azure_is_a_fixed_one_whose_footer_says_whole_MiB()
    {
        Assert.Contains("For Azure: vpc, subformat=fixed, force_size=on, 4 MiB", Run("blockhost img", "convert --for azure disk x"));

        var footer = File.ReadAllBytes(Path.Combine(_folder, "x")).AsSpan(4 * MiB);
        Assert.Equal(512, footer.Length);
        Assert.Equal("conectix"u8, footer[..8]);
        Assert.Equal(4 * MiB, BinaryPrimitives.ReadInt64BigEndian(footer[48..]));
        Assert.Equal(2u, BinaryPrimitives.ReadUInt32BigEndian(footer[60..]));
    }

    [SkippableFact]
    public void An_image_for_ESXi_is_streamed_and_has_a_SCSI_adapter()
    {
        Run("blockhost img", "convert -q --for esxi disk x");
        var text = System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(Path.Combine(_folder, "x")), 512, 1024);
        Assert.Contains("createType=\"streamOptimized\"", text);
        Assert.Contains("ddb.adapterType = \"lsilogic\"", text);
    }

    [Fact]
    public void A_disk_for_Google_is_in_an_archive_in_which_holes_take_no_room()
    {
        Run("blockhost img", "convert -q --for gcp disk x.tar.gz");

        var packed = new FileInfo(Path.Combine(_folder, "x.tar.gz"));
        Assert.True(packed.Length < MiB);
        using var gzip = new GZipStream(packed.OpenRead(), CompressionMode.Decompress);
        var header = new byte[512];
        gzip.ReadExactly(header);
        Assert.Equal("disk.raw\0"u8, header.AsSpan(0, 9));
        Assert.Equal((byte)TarEntryType.SparseFile, header[156]);
        Assert.Equal("ustar  \0"u8, header.AsSpan(257, 8));
        if (!File.Exists("/bin/tar"))
            return;
        using var tar = Process.Start(new ProcessStartInfo("tar", ["-xzf", "x.tar.gz"]) { WorkingDirectory = _folder })!;
        tar.WaitForExit();
        Assert.Equal(0, tar.ExitCode);
        using var disk = File.OpenRead(Path.Combine(_folder, "disk.raw"));
        Assert.Equal(1 << 30, disk.Length);
        var start = new byte[4 * MiB];
        disk.ReadExactly(start);
        Assert.Equal(MiB, start.Count(b => b == 1));
        Assert.Equal(428 << 10, start.AsSpan(3 * MiB, 428 << 10).Count((byte)2));
    }

    [Fact]
    public void An_archive_has_any_number_of_extents()
    {
        Run("blockhost img", "create -q -f qcow2 many 100G");
        var commands = Enumerable.Range(0, 60).SelectMany(i => new[] { "-c", $"write -q -P {i + 1} {i}G 64k" });
        Run("blockhost io", $"{string.Join('|', commands)}|many", '|');
        Run("blockhost img", "convert -q --for gcp many x.tar.gz");
        if (!File.Exists("/bin/tar"))
            return;
        using var tar = Process.Start(new ProcessStartInfo("tar", ["-xzf", "x.tar.gz"]) { WorkingDirectory = _folder })!;
        tar.WaitForExit();
        Assert.Contains("identical", Run("blockhost img", "compare -f qcow2 -F raw many disk.raw"));
    }

    [Theory]
    [InlineData("--for azure -O vhdx disk x", "Azure takes no vhdx images, but vpc")]
    [InlineData("--for azure -o force_size=off disk x", "Azure does not take vpc images with force_size=off, but with on")]
    [InlineData("--for esxi -o adapter_type=ide disk x", "ESXi does not take vmdk images with adapter_type=ide, but with lsilogic or buslogic")]
    [InlineData("--for azure huge x", "Azure takes vpc images of up to 1.99 TiB, and the disk has 3 TiB")]
    [InlineData("--for moon disk x", "'moon' is no platform that images are made for: azure, hyperv, esxi, virtualbox, aws, gcp")]
    [InlineData("--for aws -n disk x", "--for makes the image: it cannot be used with -n")]
    [InlineData("--for aws -B disk -F vmdk disk x", "A disk for AWS has no backing file")]
    [InlineData("--for gcp -c disk x", "A disk for Google Compute Engine is put into an archive: -o, -c and --bitmaps mean nothing there")]
    public void What_a_platform_does_not_take_is_refused_and_nothing_made(string line, string text)
    {
        Run("blockhost img", "create -q -f qcow2 huge 3T");
        var result = InProcessTool.Run(_folder, "blockhost img", ("convert " + line).Split(' '), "");
        Assert.Equal(1, result.ExitCode);
        Assert.Contains(text, result.Error);
        Assert.False(File.Exists(Path.Combine(_folder, "x")));
    }

    [Fact]
    public void Under_QEMUs_name_there_is_no_such_option()
    {
        // It is short for --force-share there.
        var result = InProcessTool.Run(_folder, "qemu-img", ["convert", "--for", "aws", "disk", "x"], "");
        Assert.Contains("Could not open 'aws'", result.Error);
        Assert.DoesNotContain("--for ", InProcessTool.Run(_folder, "qemu-img", ["--help"], "").Output);
        Assert.Contains("[--for platform]", Run("blockhost img", "convert --help"));
    }

    private string Run(string program, string line, char separator = ' ')
    {
        var result = InProcessTool.Run(_folder, program, line.Split(separator), "");
        Assert.True(result.ExitCode == 0, $"{line}: {result.Error}");
        return result.Output;
    }
}
