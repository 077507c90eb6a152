// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Oracle.Tests.Support;

namespace BlockHost.Oracle.Tests;

/// <summary>What becomes of the files that commands name.</summary>
public sealed class ImageFileTests : IDisposable
{
    private const long Length = 1 << 20;

    private readonly string _folder = Directory.CreateTempSubdirectory("files").FullName;

    private string Image => $"{_folder}/image.qcow2";

    [Fact]
    public async Task A_new_image_is_removed_with_its_node_when_it_is_taken_back()
    {
        await using var bed = await HostBed.StartAsync();
        var image = await bed.Host.Images.OpenAsync(New(), CancellationToken.None);
        Assert.Equal(Length, image.Node.Length);

        await image.TakeBackAsync();

        Assert.Empty(bed.Graph.Nodes);
        Assert.False(File.Exists(Image));
    }

    [Fact]
    public async Task Letting_go_of_a_new_image_leaves_it_with_its_other_users()
    {
        await using var bed = await HostBed.StartAsync();
        var image = await bed.Host.Images.OpenAsync(New(), CancellationToken.None);
        await using var user = await bed.Graph.CreateBackendAsync(
            image.Node, new BackendOptions { Permissions = BlockPermissionSet.None }, CancellationToken.None);

        await image.DisposeAsync();

        Assert.Contains(image.Node, bed.Graph.Nodes);
        Assert.True(File.Exists(Image));
    }

    [Fact]
    public async Task A_file_that_was_there_is_not_removed()
    {
        File.WriteAllBytes(Image, [1, 2, 3]);
        await using var bed = await HostBed.StartAsync();
        var image = await bed.Host.Images.OpenAsync(New(), CancellationToken.None);

        await image.TakeBackAsync();

        Assert.True(File.Exists(Image));
    }

    [Fact]
    public async Task An_image_that_cannot_be_opened_is_not_left_behind()
    {
        await using var bed = await HostBed.StartAsync();

        await Assert.ThrowsAsync<BlockException>(
            async () => await bed.Host.Images.OpenAsync(New() with { NodeName = "1x" }, CancellationToken.None));

        Assert.Empty(bed.Graph.Nodes);
        Assert.False(File.Exists(Image));
    }

    [Fact]
    public async Task A_format_that_is_not_given_is_looked_for()
    {
        await using var bed = await HostBed.StartAsync();
        await (await bed.Host.Images.OpenAsync(New(), CancellationToken.None)).DisposeAsync();

        await using var image = await bed.Host.Images.OpenAsync(
            new ImageFileOptions { FileName = Image, Mode = NewImageMode.Existing }, CancellationToken.None);

        Assert.Equal("qcow2", image.Node.Driver.FormatName);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private ImageFileOptions New() => new() { FileName = Image, Format = "qcow2", Length = Length };
}
