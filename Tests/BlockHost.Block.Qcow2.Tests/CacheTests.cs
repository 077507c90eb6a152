// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Qcow2.Tests;

/// <summary>Memory goes by the options, not by the image.</summary>
public sealed class CacheTests
{
    private const int Cluster = 65536;

    [SkippableTheory]
    [InlineData("\"l2-cache-size\": -1")]
    [InlineData("\"cache-size\": -5")]
    [InlineData("\"refcount-cache-size\": -5")]
    [InlineData("\"l2-cache-entry-size\": -512")]
    [InlineData("\"l2-cache-entry-size\": 0")]
    [InlineData("\"l2-cache-entry-size\": 256")]
    [InlineData("\"l2-cache-entry-size\": 1000")]
    [InlineData("\"l2-cache-entry-size\": 131072")]
    [InlineData("\"cache-size\": 1000, \"l2-cache-size\": 2000")]
    [InlineData("\"cache-size\": 1000, \"refcount-cache-size\": 2000")]
    [InlineData("\"cache-size\": 1000, \"refcount-cache-size\": 200, \"l2-cache-size\": 100")]
    [InlineData("\"refcount-cache-size\": 9223372036854775807")]
    [InlineData("\"cache-size\": 9223372036854775807")]
    [InlineData("\"l2-cache-size\": 9223372036854775807")]
    [InlineData("\"cache-size\": 0")]
    [InlineData("\"l2-cache-size\": 0, \"refcount-cache-size\": 0")]
    [InlineData("\"cache-clean-interval\": -1")]
    [InlineData("\"cache-clean-interval\": 4294967296")]
    [InlineData("\"cache-clean-interval\": 4294967295")]
    [InlineData("\"cache-clean-interval\": 0")]
    public async Task Options_are_accepted_and_refused_as_by_qemu(string options)
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        var storage = await TestDisk.CreateAsync(64 << 20);
        qemu.Save(storage, "a.qcow2");
        var name =
            $$$"""json:{"driver": "qcow2", "file": {"driver": "file", "filename": "{{{qemu.Path("a.qcow2")}}}"}, {{{options}}}}""";
        var theirs = qemu.RunAll("qemu-io", ["-c", "read 0 512", name], 1);
        const string Mark = "}: ";
        var refusal = theirs.Contains("can't open", StringComparison.Ordinal)
            ? theirs[(theirs.LastIndexOf(Mark, StringComparison.Ordinal) + Mark.Length)..]
            : null;
        try
        {
            await using var disk = await TestDisk.OpenAsync(storage, options: $"{{{options}}}");
            Assert.Null(refusal);
        }
        catch (BlockException e)
        {
            Assert.Equal(refusal?.TrimEnd(), $"{e.Message}\n{e.Hint}".TrimEnd());
        }
    }

    [Fact]
    public async Task A_disk_of_64_TiB_opens_with_little_more_than_its_L1_table()
    {
        const long L1Bytes = (64L << 40) / (512L << 20) * 8;
        var storage = await TestDisk.CreateAsync(64L << 40);
        foreach (var readOnly in new[] { true, false })
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            await using var disk = await TestDisk.OpenAsync(storage, readOnly);
            var taken = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.InRange(taken, L1Bytes, (2 * L1Bytes) + (2 << 20));
            await disk.AssertSoundAsync();
        }
    }

    /// <summary>A header of a few bytes that claims the largest tables there can be.</summary>
    [Theory]
    [InlineData(36, 4 << 20)]
    [InlineData(56, (8 << 20) / Cluster)]
    [InlineData(60, 65536)]
    public async Task A_hostile_header_takes_no_more_than_the_largest_table(int field, int value)
    {
        var storage = await TestDisk.CreateAsync(1 << 20);
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        storage.Write(field, bytes);
        foreach (var readOnly in new[] { true, false })
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                _ = await TestDisk.OpenAsync(storage, readOnly);
            }
            catch (BlockException)
            {
                // Refused is as good.
            }
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 48 << 20);
        }
    }

    [Theory]
    [InlineData(PreallocationMode.Metadata, 0)]
    [InlineData(PreallocationMode.Falloc, 1)]
    public async Task Preallocated_metadata_takes_no_space_for_data(PreallocationMode mode, int zeroed)
    {
        // One refcount block counts 64 KiB here, and lies in the midst of the data.
        var storage = await TestDisk.CreateAsync(512, """{"cluster-size": 512, "refcount-bits": 32}""");
        RecordingChild? file = null;
        await using var disk = await TestDisk.OpenAsync(storage, wrap: child => file = new RecordingChild(child));
        await disk.Facet<IResizable>().ResizeAsync(4 << 20, new ResizeOptions(mode), default);
        Assert.Equal(zeroed, file!.Operations.Any(o => o.Kind == ChildOperationKind.WriteZeroes) ? 1 : 0);
        Assert.Equal(new byte[4 << 20], await disk.ReadAsync(0, 4 << 20));
        await disk.AssertSoundAsync();
    }

    [Theory]
    [InlineData("""{"l2-cache-size": 65536, "l2-cache-entry-size": 4096}""", false)]
    [InlineData("""{"l2-cache-size": 1048576, "l2-cache-entry-size": 4096}""", true)]
    [InlineData("{}", true)]
    public async Task Tables_are_kept_as_far_as_the_cache_is_large(string options, bool kept)
    {
        // 100 slices of 4 KiB, each of which maps 32 MiB.
        var storage = await TestDisk.CreateAsync(100L * (32 << 20), """{"preallocation": "metadata"}""", new MemoryImage());
        RecordingChild? file = null;
        await using var disk = await TestDisk.OpenAsync(
            storage, readOnly: true, options: options, wrap: child => file = new RecordingChild(child));
        await ReadAllAsync(disk);
        file!.Clear();
        await ReadAllAsync(disk);
        Assert.Equal(kept ? 100 : 200, file.Count);

        static async Task ReadAllAsync(TestDisk disk)
        {
            for (var i = 0; i < 100; i++) await disk.ReadAsync(i * (32L << 20), 512);
        }
    }

    /// <summary>Freed clusters lie all over the file, and a refcount block counts 256 of them.</summary>
    [Fact]
    public async Task Small_clusters_are_freed_and_taken_at_random_without_a_flush_for_each()
    {
        const int Bytes = 4 << 20, Piece = 8192;
        var storage = await TestDisk.CreateAsync(Bytes, """{"cluster-size": 512}""");
        RecordingChild? file = null;
        await using var disk = await TestDisk.OpenAsync(storage, wrap: child => file = new RecordingChild(child));
        await disk.WriteAsync(0, new byte[Bytes]);
        file!.Clear();
        var random = new Random(1);
        for (var i = 0; i < 2000; i++)
        {
            await disk.Node.WriteZeroesAsync(Anywhere(), Piece, ZeroFlags.MayUnmap, default);
            await disk.WriteAsync(Anywhere(), new byte[Piece]);
        }

        Assert.InRange(file.Operations.Count(o => o.Kind == ChildOperationKind.Flush), 0, 20);
        await disk.AssertSoundAsync();

        long Anywhere() => random.Next((Bytes - Piece) / 512) * 512L;
    }
}
