// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Qcow2.Tests;

/// <summary>New images in storage that is there already and holds something.</summary>
public sealed class ReusedStorageTests
{
    private const int StorageBytes = 4 << 20;
    private const int DiskBytes = 1 << 20;

    [Theory]
    [InlineData("off")]
    [InlineData("metadata")]
    [InlineData("falloc")]
    [InlineData("full")]
    public async Task They_read_as_zeroes_and_leave_the_storage_its_length(string preallocation)
    {
        var storage = new MemoryImage();
        storage.Write(0, TestDisk.Filled(StorageBytes, 0xEE));

        await TestDisk.CreateAsync(DiskBytes, $$"""{"preallocation": "{{preallocation}}"}""", storage);

        Assert.Equal(StorageBytes, storage.Length);
        await using var disk = await TestDisk.OpenAsync(storage);
        Assert.Equal(new byte[DiskBytes], await disk.ReadAsync(0, DiskBytes));
        await disk.AssertSoundAsync();
        await disk.WriteAsync(100 << 10, 512, 1);
        Assert.Equal(new byte[1024], (await disk.ReadAsync((100 << 10) - 512, 1536)).Where((_, i) => i is < 512 or >= 1024));
        await disk.FlushAsync();
        await disk.AssertSoundAsync();
    }
}
