// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;
using BlockHost.Composition;
using BlockHost.Images;
using BlockHost.Images.Copying;
using BlockHost.Tools.Differential.Tests.Sides;

namespace BlockHost.Tools.Differential.Tests.Beyond;

/// <summary>convert looks for space before it writes.</summary>
public sealed class SpaceCheckTests : IDisposable
{
    private const int MiB = 1024 * 1024;

    private readonly string _folder = Directory.CreateTempSubdirectory("bh").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Says_how_much_is_missing()
    {
        var error = await Assert.ThrowsAsync<ToolException>(() => CheckAsync(dataBytes: 4 * MiB, zeroBytes: 0, free: 3 * MiB));

        Assert.Equal(
            "target: not enough space: 4 MiB are needed and 3 MiB free, 1 MiB (1048576 bytes) are missing", error.Message);
    }

    [Fact]
    public Task Lets_a_copy_pass_that_just_fits() => CheckAsync(dataBytes: 4 * MiB, zeroBytes: 0, free: 4 * MiB);

    [Fact]
    public Task Does_not_count_data_that_turns_out_to_be_zeroes() =>
        CheckAsync(dataBytes: MiB, zeroBytes: 8 * MiB, free: 2 * MiB);

    [Fact]
    public async Task Counts_zeroes_where_the_target_is_fully_written() =>
        await Assert.ThrowsAsync<ToolException>(
            () => CheckAsync(dataBytes: MiB, zeroBytes: 8 * MiB, free: 2 * MiB, new CopyOptions { MinSparse = 0 }));

    [Fact]
    public async Task Counts_everything_where_the_space_is_taken_at_once() =>
        await Assert.ThrowsAsync<ToolException>(
            () => CheckAsync(dataBytes: MiB, zeroBytes: 8 * MiB, free: 2 * MiB, new CopyOptions(), isFull: true));

    [Fact]
    public Task Leaves_compressed_copies_alone() =>
        CheckAsync(dataBytes: 4 * MiB, zeroBytes: 0, free: MiB, new CopyOptions { Compress = true, ClusterSize = 65536 });

    [Fact]
    public void Knows_what_a_folder_has_left_and_adds_what_is_written_over()
    {
        var file = Path.Combine(_folder, "old");
        File.WriteAllBytes(file, new byte[64 * MiB]);

        Assert.True(SpaceCheck.FreeBytes(file) - SpaceCheck.FreeBytes(Path.Combine(_folder, "new")) is > 32 * MiB and < 96 * MiB);
        Assert.Null(SpaceCheck.FreeBytes(Path.Combine(_folder, "no", "folder")));
    }

    /// <summary>A source of data, followed by zeroes that are written out.</summary>
    private async Task CheckAsync(int dataBytes, int zeroBytes, long free, CopyOptions? options = null, bool isFull = false)
    {
        var file = Path.Combine(_folder, "source");
        var content = new byte[dataBytes + zeroBytes];
        content.AsSpan(0, dataBytes).Fill(1);
        await File.WriteAllBytesAsync(file, content);
        await using var host = await new LinkedHosts().StartAsync(HostOptions.ForTool, CancellationToken.None);
        await using var image = await host.Images.OpenAsync(new(file, "raw"), OpenMode.Read, CancellationToken.None);
        var row = await SourceRow.OfAsync([image], CancellationToken.None);

        await new SpaceCheck(row, options ?? new CopyOptions(), _ => free).RequireAsync("target", isFull, CancellationToken.None);
    }
}
