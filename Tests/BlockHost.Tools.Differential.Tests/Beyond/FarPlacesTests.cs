// SPDX-License-Identifier: MIT
using BlockHost.Posix;
using BlockHost.Tools.Differential.Tests.Sides;

namespace BlockHost.Tools.Differential.Tests.Beyond;

/// <summary>A header that says that something lies far behind the file's end makes no tool fill the file system.</summary>
[Collection(InProcessTool.OneAtATime)]
public sealed class FarPlacesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("bh").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_parallels_image_whose_data_begins_far_out_is_mended_with_little_space()
    {
        const int DataSectorAt = 48;
        const uint FarOut = 1 << 22; // sectors: 2 GiB
        Run("qemu-img", "create", "-q", "-f", "parallels", "p", "8M");
        Run("qemu-io", "-f", "parallels", "-c", "write -q -P 1 0 1M", "p");
        var image = File.ReadAllBytes(Path.Combine(_folder, "p"));
        BitConverter.TryWriteBytes(image.AsSpan(DataSectorAt), FarOut);
        File.WriteAllBytes(Path.Combine(_folder, "p"), image);

        Run("qemu-img", "check", "-r", "all", "-f", "parallels", "p");

        Run("qemu-io", "-r", "-f", "parallels", "-c", "read -q -P 1 0 1M", "p");
        var taken = FileDescriptor.TryStatus(Path.Combine(_folder, "p"))!.Value.Blocks * 512;
        Assert.True(taken < 512 << 20, $"{taken} bytes are taken");
    }

    private void Run(string program, params string[] args)
    {
        var result = InProcessTool.Run(_folder, program, args, "");
        Assert.True(result.ExitCode == 0, result.ToString());
    }
}
