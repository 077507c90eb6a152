// SPDX-License-Identifier: MIT
using BlockHost.Posix;

namespace BlockHost.Block.File.Tests;

/// <summary>Data on every engine, buffered and direct.</summary>
public sealed class ReadWriteTests : IDisposable
{
    private const int Size = 1 << 20;

    private readonly FileFixture _files = new();

    public static TheoryData<string, bool> Engines => new()
    {
        { "threads", false },
        { "threads", true },
        { "native", true },
        { "io_uring", false },
        { "io_uring", true },
    };

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task Writes_are_read_back_and_land_in_the_file(string aio, bool direct)
    {
        var path = _files.CreateFile(Size);
        var written = FileFixture.Pattern(64 * 1024);
        await using (var node = await OpenAsync(path, aio, direct))
        {
            await node.WriteAsync(8192, Aligned(written), WriteFlags.None, default);
            var read = Aligned(new byte[written.Length]);
            await node.ReadAsync(8192, read, ReadFlags.None, default);
            Assert.Equal(written, read.ToArray());
        }

        Assert.Equal(written, System.IO.File.ReadAllBytes(path).AsSpan(8192, written.Length).ToArray());
        Assert.Equal(Size, new FileInfo(path).Length);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task Vectors_of_many_segments_keep_their_order(string aio, bool direct)
    {
        const int Segment = 512;
        const int Count = 1500; // more than the kernel takes in one call
        var path = _files.CreateFile(Size);
        await using var node = await OpenAsync(path, aio, direct);
        var all = FileFixture.Pattern(Segment * Count);
        var memory = Aligned(all);
        var source = new IoVector();
        for (var i = 0; i < Count; i++)
            source.Add(memory.Slice(i * Segment, Segment));
        await node.WriteAsync(0, source, WriteFlags.None, default);

        var target = new IoVector();
        var read = Aligned(new byte[all.Length]);
        target.Add(read[..(4 * Segment)]);
        target.Add(read[(4 * Segment)..]);
        await node.ReadAsync(0, target, ReadFlags.None, default);
        Assert.Equal(all, read.ToArray());
        Assert.Equal(all, System.IO.File.ReadAllBytes(path).AsSpan(0, all.Length).ToArray());
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task Many_requests_in_flight_each_get_their_own_data(string aio, bool direct)
    {
        const int Block = 4096;
        var data = FileFixture.Pattern(Size);
        var path = _files.CreateFile(Size);
        System.IO.File.WriteAllBytes(path, data);
        DropPageCache(path);
        await using var node = await OpenAsync(path, aio, direct);
        await Parallel.ForAsync(0, 1024, new ParallelOptions { MaxDegreeOfParallelism = 300 }, async (i, _) =>
        {
            var block = i * 7 % (Size / Block);
            var buffer = Aligned(new byte[Block]);
            await node.ReadAsync(block * Block, buffer, ReadFlags.None, default);
            Assert.True(buffer.Span.SequenceEqual(data.AsSpan(block * Block, Block)));
        });
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task What_lies_between_the_end_of_the_file_and_the_last_sector_reads_as_zeroes(string aio, bool direct)
    {
        var path = _files.CreateData(1000);
        await using var node = await OpenAsync(path, aio, direct, readOnly: true);
        Assert.Equal(1024, node.Profile.Length);
        var read = Aligned(Enumerable.Repeat((byte)0xEE, 1024).ToArray());
        await node.ReadAsync(0, read, ReadFlags.None, default);
        Assert.Equal(FileFixture.Pattern(1000), read[..1000].ToArray());
        Assert.All(read[1000..].ToArray(), b => Assert.Equal(0, b));
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task A_file_cut_short_by_somebody_else_reads_as_zeroes(string aio, bool direct)
    {
        var path = _files.CreateData(64 * 1024);
        await using var node = await OpenAsync(path, aio, direct);
        using (var other = System.IO.File.OpenWrite(path))
            other.SetLength(4096);
        var target = new IoVector();
        var first = Aligned(Enumerable.Repeat((byte)0xEE, 8192).ToArray());
        var second = Aligned(Enumerable.Repeat((byte)0xEE, 8192).ToArray());
        target.Add(first);
        target.Add(second);
        await node.ReadAsync(0, target, ReadFlags.None, default);
        Assert.Equal(FileFixture.Pattern(64 * 1024).AsSpan(0, 4096), first.Span[..4096]);
        Assert.False(first.Span[4096..].ContainsAnyExcept((byte)0));
        Assert.False(second.Span.ContainsAnyExcept((byte)0));
    }

    [Theory]
    [InlineData("threads")]
    [InlineData("io_uring")]
    public async Task Writes_past_the_end_grow_the_file_and_the_profile(string aio)
    {
        var path = _files.CreateFile(512);
        await using var node = await OpenAsync(path, aio, direct: false);
        await node.WriteAsync(2000, new byte[] { 1, 2, 3 }, WriteFlags.None, default);
        Assert.Equal(2003, new FileInfo(path).Length);
        Assert.Equal(2048, node.Profile.Length);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task A_durable_write_lands_like_any_other(string aio, bool direct)
    {
        var path = _files.CreateFile(Size);
        await using var node = await OpenAsync(path, aio, direct);
        Assert.Equal(Support.Native, node.Profile.Fua);
        var written = FileFixture.Pattern(4096);
        await node.WriteAsync(4096, Aligned(written), WriteFlags.Fua, default);
        await node.FlushAsync(default);
        Assert.Equal(written, System.IO.File.ReadAllBytes(path).AsSpan(4096, 4096).ToArray());
    }

    [Theory]
    [InlineData("threads")]
    [InlineData("io_uring")]
    public async Task Writing_a_node_that_is_open_for_reading_only_fails_and_writes_nothing(string aio)
    {
        var path = _files.CreateData(4096);
        await using var node = await OpenAsync(path, aio, direct: false, readOnly: true);
        Assert.False(node.Profile.Writable);
        var e = await Assert.ThrowsAsync<BlockException>(
            async () => await node.WriteAsync(0, new byte[512], WriteFlags.None, default));
        Assert.Equal(Errno.EBADF, e.Errno);
        Assert.Equal(FileFixture.Pattern(4096), System.IO.File.ReadAllBytes(path));
    }

    [Theory]
    [InlineData("threads")]
    [InlineData("io_uring")]
    public async Task A_full_disk_is_told_as_such(string aio)
    {
        await using var node = await _files.OpenAsync("/dev/full", $"\"aio\":\"{aio}\"", driver: "host_device");
        var e = await Assert.ThrowsAsync<BlockException>(
            async () => await node.WriteAsync(0, new byte[512], WriteFlags.None, default));
        Assert.Equal(BlockErrorKind.NoSpace, e.Kind);
        Assert.Equal(Errno.ENOSPC, e.Errno);
    }

    [Fact]
    public async Task A_cancelled_token_stops_a_request_that_has_not_started()
    {
        await using var node = await _files.OpenAsync(_files.CreateFile(4096));
        var cancelled = new CancellationToken(canceled: true);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await node.WriteAsync(0, new byte[] { 1 }, WriteFlags.None, cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await node.ReadAsync(0, new byte[1], ReadFlags.None, cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await node.FlushAsync(cancelled));
    }

    [Fact]
    public async Task A_prefetch_leaves_the_target_alone()
    {
        await using var node = await _files.OpenAsync(_files.CreateData(4096));
        var target = new byte[4096];
        await node.ReadAsync(0, target, ReadFlags.Prefetch, default);
        Assert.All(target, b => Assert.Equal(0, b));
    }

    [Fact]
    public async Task Direct_nodes_ask_for_aligned_requests_and_buffered_ones_do_not()
    {
        var path = _files.CreateFile(Size);
        await using var direct = await OpenAsync(path, "threads", direct: true);
        await using var buffered = await OpenAsync(path, "threads", direct: false);
        Assert.True(direct.Profile.Limits.RequestAlignment >= 512);
        Assert.Equal(1, buffered.Profile.Limits.RequestAlignment);
        Assert.Equal(1, buffered.Profile.Limits.MemoryAlignment);
    }

    public void Dispose() => _files.Dispose();

    internal static Memory<byte> Aligned(byte[] content)
    {
        const int Alignment = 4096;
        var array = GC.AllocateArray<byte>(content.Length + Alignment, pinned: true);
        var memory = MemoryAt(array, Alignment, content.Length);
        content.CopyTo(memory);
        return memory;
    }

    private static unsafe Memory<byte> MemoryAt(byte[] array, int alignment, int length)
    {
        fixed (byte* start = array)
        {
            var skip = (int)((alignment - (nint)start % alignment) % alignment);
            return array.AsMemory(skip, length);
        }
    }

    /// <summary>Makes the next reads miss, so that they take the engine's way.</summary>
    private static void DropPageCache(string path)
    {
        using var file = System.IO.File.OpenHandle(path);
        RandomAccess.FlushToDisk(file);
        _ = Libc.posix_fadvise((int)file.DangerousGetHandle(), 0, 0, 4);
    }

    private ValueTask<BlockNode> OpenAsync(string path, string aio, bool direct, bool readOnly = false) =>
        _files.OpenAsync(path, $"\"aio\":\"{aio}\"", flags: f =>
        {
            f.Direct = direct;
            f.ReadOnly = readOnly;
        });
}
