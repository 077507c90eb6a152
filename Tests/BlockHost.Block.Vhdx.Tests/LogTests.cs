// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Vhdx.Tests;

/// <summary>Logs as other programs leave them, and our own ones; QEMU makes of them what we do.</summary>
public sealed class LogTests : IAsyncLifetime
{
    private const ulong Present = 6;
    private const ulong FirstBlock = 8 << 20;

    private readonly string _folder = Directory.CreateTempSubdirectory("vhdx").FullName;
    private MemoryImage _image = new();
    private LogCraft _log = new(new MemoryImage());

    public async Task InitializeAsync()
    {
        // Three places for blocks that nothing points at yet, full of 1, 2 and 3.
        _image = await VhdxBed.CreateAsync(3 * VhdxBed.Block);
        for (byte i = 0; i < 3; i++)
            _image.Write((long)FirstBlock + (i * VhdxBed.Block), Enumerable.Repeat((byte)(i + 1), VhdxBed.Block).ToArray());
        _log = new LogCraft(_image);
        _log.MarkDirty();
    }

    public Task DisposeAsync()
    {
        Directory.Delete(_folder, recursive: true);
        return Task.CompletedTask;
    }

    [Fact]
    public async Task An_image_whose_log_has_to_be_replayed_is_not_opened_for_reading_only()
    {
        _log.Write(0, 0, 1, (VhdxBed.Table, Place(0)));
        var e = await Assert.ThrowsAsync<BlockException>(() => VhdxBed.OpenAsync(_image, readOnly: true));
        Assert.Equal("VHDX image file 'memory:file' opened read-only, but contains a log that needs to be replayed", e.Message);
        Assert.Equal("To replay the log, run:\nqemu-img check -r all 'memory:file'", e.Hint);
    }

    [Fact]
    public Task One_entry_is_replayed()
    {
        _log.Write(0, 0, 1, (VhdxBed.Table, Place(1)));
        return AssertShowsAsync(2);
    }

    [Fact]
    public Task An_entry_may_begin_anywhere_and_run_over_the_end()
    {
        _log.Write(LogCraft.Ring - LogCraft.Sector, LogCraft.Ring - LogCraft.Sector, 5, (VhdxBed.Table, Place(2)));
        return AssertShowsAsync(3);
    }

    [Fact]
    public Task Several_entries_are_replayed_in_their_order()
    {
        var second = _log.Write(0, 0, 7, (VhdxBed.Table, Place(1)), (VhdxBed.Table + 4096, 2));
        var third = _log.Write(second, 0, 8, (VhdxBed.Table, null));
        _log.Write(third, 0, 9, (VhdxBed.Table, Place(2)));
        return AssertShowsAsync(3);
    }

    [Fact]
    public Task Zeroes_are_written_as_zeroes()
    {
        var second = _log.Write(0, 0, 7, (VhdxBed.Table, Place(1)));
        _log.Write(second, 0, 8, (VhdxBed.Table, null));
        return AssertShowsAsync(0);
    }

    [Fact]
    public Task The_youngest_of_two_sequences_counts()
    {
        _log.Write(0, 0, 20, (VhdxBed.Table, Place(0)));
        _log.Write(5 * LogCraft.Sector, 5 * LogCraft.Sector, 30, (VhdxBed.Table, Place(1)));
        _log.Write(10 * LogCraft.Sector, 10 * LogCraft.Sector, 10, (VhdxBed.Table, Place(2)));
        return AssertShowsAsync(2);
    }

    /// <summary>QEMU 7.2 does not look for the tail.</summary>
    [Fact]
    public Task An_entry_whose_tail_is_lost_is_not_replayed()
    {
        _log.Write(0, 0, 3, (VhdxBed.Table, Place(0)));
        _log.Write(5 * LogCraft.Sector, 20 * LogCraft.Sector, 9, (VhdxBed.Table, Place(1)));
        return AssertShowsAsync(1, likeQemu: false);
    }

    [Fact]
    public Task Entries_of_another_log_are_not_replayed()
    {
        _log.Write(0, 0, 3, (VhdxBed.Table, Place(0)));
        foreach (var header in new[] { VhdxBed.Header1, VhdxBed.Header2 })
            VhdxBed.Seal(_image, header, 4096, (48, Guid.NewGuid().ToByteArray()));
        return AssertShowsAsync(0, isReplayed: false);
    }

    [Fact]
    public async Task The_file_gets_the_length_that_the_log_says_it_had()
    {
        _log.Needed = _image.Length + (2 * VhdxBed.Block);
        _log.Write(0, 0, 1, (VhdxBed.Table, Place(0)));
        await AssertShowsAsync(1);
        Assert.Equal(_log.Needed, _image.Length);
    }

    [Fact]
    public async Task A_file_that_is_shorter_than_it_was_is_refused()
    {
        _log.Flushed = _image.Length + 1;
        _log.Write(0, 0, 1, (VhdxBed.Table, Place(0)));
        var e = await Assert.ThrowsAsync<BlockException>(() => VhdxBed.OpenAsync(_image));
        Assert.Equal("VHDX image file 'memory:file' is shorter than its log says: it has been truncated", e.Message);
    }

    [Fact]
    public async Task A_change_beyond_the_end_of_the_file_is_refused()
    {
        _log.Write(0, 0, 1, (1L << 60, Place(0)));
        var e = await Assert.ThrowsAsync<BlockException>(() => VhdxBed.OpenAsync(_image));
        Assert.Equal("The VHDX log changes what is beyond the end of the file", e.Message);
    }

    /// <summary>QEMU 7.2 does not open the image where it is a descriptor that is wrong.</summary>
    [Theory]
    [InlineData(5, true)]
    [InlineData(9, true)]
    [InlineData(17, false)]
    [InlineData(64, false)]
    [InlineData(80, false)]
    [InlineData(88, false)]
    [InlineData(1000, true)]
    [InlineData(4096, true)]
    [InlineData(4100, true)]
    [InlineData(5000, true)]
    [InlineData(8191, true)]
    public async Task An_entry_with_one_wrong_byte_is_as_none(int at, bool likeQemu)
    {
        _log.Write(0, 0, 1, (VhdxBed.Table, Place(0)));
        _image.Write(VhdxBed.Log + at, new[] { (byte)(_image.Read(VhdxBed.Log + at, 1)[0] ^ 0x10) });
        await AssertShowsAsync(0, isReplayed: false, likeQemu);
    }

    [SkippableFact]
    public async Task Our_log_goes_round_and_QEMU_replays_it()
    {
        Skip.IfNot(Qemu.IsInstalled, "needs qemu-img");
        var image = await VhdxBed.CreateAsync(150L * VhdxBed.Block);
        await using var node = await VhdxBed.OpenAsync(image);
        var before = new byte[4096];
        for (var block = 0; block < 150; block++)
        {
            before = image.Read(VhdxBed.Table, 4096);
            await Disk.WriteAsync(node, block * (long)VhdxBed.Block, 512, (byte)(block + 1));
            await node.FlushAsync(default);
        }

        var left = image.Clone();
        left.Write(VhdxBed.Table, before);
        Assert.True(Disk.Same(await Disk.ReadAllAsync(node), await VhdxBed.ReadByQemuAsync(left, _folder)));
    }

    /// <summary>More sectors of the table than one entry takes.</summary>
    [Fact]
    public async Task One_flush_can_need_several_entries()
    {
        const long Step = 512L * VhdxBed.Block;
        var image = await VhdxBed.CreateAsync(300 * Step);
        await using (var node = await VhdxBed.OpenAsync(image))
        {
            for (var i = 0; i < 300; i++)
                await Disk.WriteAsync(node, i * Step, 512, (byte)(i + 1));
        }

        await using var again = await VhdxBed.OpenAsync(image, readOnly: true);
        Assert.Equal(0, (await Disk.CheckAsync(again)).Corruptions);
        var sector = new byte[512];
        for (var i = 0; i < 300; i++)
        {
            await again.ReadAsync(i * Step, sector, ReadFlags.None, default);
            Assert.All(sector, b => Assert.Equal((byte)(i + 1), b));
        }
    }

    private static ulong Place(int block) => (FirstBlock + (ulong)(block * VhdxBed.Block)) | Present;

    /// <summary>The first block shows what it is to, here and with QEMU.</summary>
    private async Task AssertShowsAsync(byte expected, bool isReplayed = true, bool likeQemu = true)
    {
        if (likeQemu && Qemu.IsInstalled)
            Assert.Equal(expected, (await VhdxBed.ReadByQemuAsync(_image, _folder))[0]);
        await using var node = await VhdxBed.OpenAsync(_image);
        Assert.Equal(expected, (await Disk.ReadAllAsync(node))[0]);
        Assert.Equal(isReplayed ? 1 : 0, (await Disk.CheckAsync(node, CheckRepair.Errors)).CorruptionsFixed);
    }
}
