// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Qcow2;

namespace BlockHost.Block.Qcow2.Tests;

/// <summary>What the node tells of itself, and what it refuses.</summary>
public sealed class NodeTests
{
    private const int Cluster = 65536;

    [Fact]
    public async Task Status_tells_data_zeroes_and_what_is_not_there_apart()
    {
        await using var disk = await TestDisk.NewAsync(10L << 30);
        await disk.WriteAsync(0, 3 * Cluster, 1);
        await disk.Node.WriteZeroesAsync(Cluster, Cluster, ZeroFlags.None, default);
        await disk.Node.WriteZeroesAsync(3 * Cluster, Cluster, ZeroFlags.MayUnmap, default);
        var all = new List<(long Bytes, BlockStatusFlags Flags)>();
        for (var at = 0L; at < disk.Length;)
        {
            var status = await disk.Node.GetStatusAsync(at, disk.Length - at, StatusPrecision.WantZero, default);
            all.Add((status.Bytes, status.Flags));
            at += status.Bytes;
        }
        const BlockStatusFlags Data = BlockStatusFlags.Data | BlockStatusFlags.OffsetValid | BlockStatusFlags.Allocated;
        const BlockStatusFlags Zero = BlockStatusFlags.Zero | BlockStatusFlags.Allocated;
        Assert.Equal(
            [(Cluster, Data), (Cluster, Zero | BlockStatusFlags.OffsetValid), (Cluster, Data), (Cluster, Zero)], all[..4]);
        Assert.Equal((disk.Length - (4 * Cluster), BlockStatusFlags.Eof), (all[4..].Sum(s => s.Bytes), all[^1].Flags));
    }

    [Fact]
    public async Task Facts_are_those_of_the_header()
    {
        var storage = await TestDisk.CreateAsync(
            1 << 20, """{"backing-file": "b.raw", "backing-fmt": "raw", "refcount-bits": 8, "lazy-refcounts": true}""");
        await using var disk = await TestDisk.OpenAsync(storage);
        var facts = await disk.Facet<IImageInfo>().GetFactsAsync(default);
        Assert.Equal((Cluster, new BackingFileReference("b.raw", "raw")), (facts.ClusterSize, facts.Backing));
        Assert.Equal(
            """{"compat":"1.1","compression-type":"zlib","lazy-refcounts":true,"refcount-bits":8,"corrupt":false,"extended-l2":false}""",
            facts.Specific.ToString());
    }

    [Fact]
    public async Task The_backing_file_on_record_can_be_changed_and_removed()
    {
        var storage = await TestDisk.CreateAsync(1 << 20);
        await using (var disk = await TestDisk.OpenAsync(storage))
        {
            await disk.WriteAsync(0, 10, 5);
            await disk.Facet<IBackingFileStore>().SetBackingAsync(new BackingFileReference("other.qcow2", "qcow2"), default);
        }
        await using (var disk = await TestDisk.OpenAsync(storage))
        {
            Assert.Equal(new BackingFileReference("other.qcow2", "qcow2"), disk.Facet<IBackingFileStore>().Backing);
            await disk.Facet<IBackingFileStore>().SetBackingAsync(null, default);
        }
        await using var last = await TestDisk.OpenAsync(storage);
        Assert.Null(last.Facet<IBackingFileStore>().Backing);
        Assert.Equal(5, (await last.ReadAsync(9, 1))[0]);
    }

    [Theory]
    [InlineData(79, 4, "'data-file' is required for this image")]
    [InlineData(79, 2, "qcow2: Image is corrupt; cannot be opened read/write")]
    [InlineData(35, 1, "Parameter 'encrypt.key-secret' is required for cipher")]
    [InlineData(35, 2, "Missing CRYPTO header for crypt method 2")]
    public async Task What_is_not_served_is_refused_by_name(int offset, byte value, string message)
    {
        var storage = await TestDisk.CreateAsync(1 << 20);
        storage.Write(offset, new[] { value });
        Assert.Equal(message, (await Assert.ThrowsAsync<BlockException>(() => TestDisk.OpenAsync(storage))).Message);
    }

    [Theory]
    [InlineData("""{"cache-size": 1000, "l2-cache-size": 2000}""", "l2-cache-size may not exceed cache-size")]
    [InlineData(
        """{"l2-cache-entry-size": 1000}""",
        "L2 cache entry size must be a power of two between 512 and the cluster size (65536)")]
    [InlineData("""{"encrypt": {"format": "luks"}}""", "No encryption in image header, but options specified format 'luks'")]
    public async Task A_contradictory_option_is_refused(string options, string message)
    {
        var storage = await TestDisk.CreateAsync(1 << 20);
        Assert.Equal(
            message, (await Assert.ThrowsAsync<BlockException>(() => TestDisk.OpenAsync(storage, options: options))).Message);
    }

    [Theory]
    [InlineData("""{"refcount-bits": 3}""", "Refcount width must be a power of two and may not exceed 64 bits")]
    [InlineData("""{"cluster-size": 500}""", "Cluster size must be a power of two between 512 and 2048k")]
    [InlineData(
        """{"version": "v2", "lazy-refcounts": true}""",
        "Lazy refcounts only supported with compatibility level 1.1 and above (use version=v3 or greater)")]
    [InlineData("""{"backing-fmt": "raw"}""", "Backing format cannot be used without backing file")]
    [InlineData(
        """{"extended-l2": true, "cluster-size": 8192}""",
        "Extended L2 entries are only supported with cluster sizes of at least 16384 bytes")]
    [InlineData(
        """{"extended-l2": true, "version": "v2"}""",
        "Extended L2 entries are only supported with compatibility level 1.1 and above (use version=v3 or greater)")]
    public async Task A_contradictory_create_option_is_refused(string options, string message) =>
        Assert.Equal(message, (await Assert.ThrowsAsync<BlockException>(() => TestDisk.CreateAsync(1 << 20, options))).Message);

    [Fact]
    public async Task A_pointer_into_metadata_stops_the_image_and_marks_it_corrupt()
    {
        var storage = await TestDisk.CreateAsync(1 << 20);
        long l2;
        await using (var disk = await TestDisk.OpenAsync(storage))
        {
            await disk.WriteAsync(0, 10, 5);
            await disk.FlushAsync();
            l2 = System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(storage.Read(0x30000, 8)) & 0xffffffffffff00;
        }
        storage.Write(l2, new byte[] { 0x80, 0, 0, 0, 0, 1, 0, 0 });
        await using (var disk = await TestDisk.OpenAsync(storage))
        {
            await Assert.ThrowsAsync<BlockException>(async () => await disk.WriteAsync(0, 10, 6));
            Assert.Equal(
                "Preventing invalid write on metadata (overlaps with refcount table)", Assert.Single(disk.Context.Corruptions));
            Assert.Equal(Errno.ENOMEDIUM, (await Assert.ThrowsAsync<BlockException>(() => disk.ReadAsync(0, 10))).Errno);
        }
        Assert.Equal(2, storage.Read(79, 1)[0]);
    }

    [Fact]
    public async Task Mutated_tables_never_crash_hang_or_eat_memory()
    {
        var storage = await TestDisk.CreateAsync(4 << 20, """{"cluster-size": 4096}""");
        await using (var disk = await TestDisk.OpenAsync(storage))
            await disk.WriteAsync(100_000, 1 << 20, 7);
        var random = new Random(11);
        for (var i = 0; i < 300; i++)
        {
            var mutant = storage.Clone();
            for (var n = random.Next(6); n >= 0; n--)
            {
                var value = new byte[8];
                random.NextBytes(value);
                mutant.Write((random.Next(6) * 4096) + (random.Next(24) * 8), value);
            }
            try
            {
                await using var disk = await TestDisk.OpenAsync(mutant);
                await disk.CheckAsync();
                await disk.ReadAsync(0, 2 << 20);
                await disk.WriteAsync(random.Next(3 << 20), 10_000, 1);
            }
            catch (BlockException)
            {
                // Refused or stopped, with a reason.
            }
        }
    }

    [SkippableFact]
    public async Task An_allocated_read_and_an_overwrite_allocate_no_memory()
    {
        Skip.If(typeof(Qcow2Plugin).Assembly.GetCustomAttributes(typeof(System.Diagnostics.DebuggableAttribute), false)
            .Cast<System.Diagnostics.DebuggableAttribute>().Any(a => a.IsJITOptimizerDisabled),
            "not optimised: async methods allocate");
        await using var disk = await TestDisk.NewAsync(10 << 20);
        await disk.WriteAsync(0, 1 << 20, 1);
        var buffer = new byte[4096];

        Assert.Equal(0, Allocations.Of(() =>
        {
            for (var i = 0; i < 1000; i += 37)
            {
                disk.Node.ReadAsync(i * 512, buffer, ReadFlags.None, default).GetAwaiter().GetResult();
                disk.Node.WriteAsync(i * 512, buffer, WriteFlags.None, default).GetAwaiter().GetResult();
            }
        }));
    }

    [Fact]
    public async Task Unused_cache_entries_are_dropped_after_the_interval()
    {
        var clock = new ManualClock();
        RecordingChild? recorder = null;
        await using var disk = await TestDisk.OpenAsync(
            await TestDisk.CreateAsync(10 << 20),
            options: """{"cache-clean-interval": 5}""",
            clock: clock,
            wrap: inner => recorder = new RecordingChild(inner));
        await disk.WriteAsync(0, Cluster, 1);
        await disk.FlushAsync();
        recorder!.Clear();
        await disk.ReadAsync(0, 512);
        Assert.Equal(1, recorder.Count);
        clock.Advance(TimeSpan.FromSeconds(11));
        await disk.ReadAsync(0, 512);
        Assert.Equal(3, recorder.Count);
    }

    [Fact]
    public void The_magic_is_recognised()
    {
        var driver = new Qcow2Driver();
        Assert.Equal(100, driver.Probe([0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 3], null));
        Assert.Equal(0, driver.Probe([0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 1], null));
        Assert.Equal(0, driver.Probe([1, 2, 3], null));
    }
}
