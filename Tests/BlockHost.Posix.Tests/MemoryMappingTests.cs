// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Posix.Tests;

public sealed unsafe class MemoryMappingTests
{
    [Fact]
    public void Mappings_of_one_file_share_its_bytes()
    {
        var path = Path.GetTempFileName();
        using var file = FileDescriptor.Open(path, OpenFlags.ReadWrite);
        Assert.Equal(0, Libc.ftruncate(file.Value, 8192));

        using (var writable = MemoryMapping.Of(file.Value, 4096, 4096, writable: true))
        using (var readable = MemoryMapping.Of(file.Value, 0, 8192, writable: false))
        {
            writable.Start[5] = 9;
            Assert.Equal(9, readable.Start[4096 + 5]);
        }

        Assert.Equal(9, File.ReadAllBytes(path)[4096 + 5]);
        File.Delete(path);
    }

    [Fact]
    public void What_cannot_be_mapped_says_why()
    {
        var error = Assert.Throws<BlockException>(() => MemoryMapping.Of(-1, 0, 4096, writable: false));

        Assert.Equal("Could not map memory: Bad file descriptor", error.Message);
    }
}
