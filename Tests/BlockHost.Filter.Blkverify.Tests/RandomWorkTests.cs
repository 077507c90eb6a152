// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Oracle.Tests.Support;

namespace BlockHost.Filter.Blkverify.Tests;

/// <summary>
/// Random requests, many at once, on an image of each writable format beside a plain file, with resizes and reopens between them:
/// <code>
///   requests ─► blkverify ─┬─► test: FORMAT ─► file
///                          └─► raw:  file
/// </code>
/// BLOCKHOST_VERIFIED is how many rounds to run (default: few enough for every day), BLOCKHOST_VERIFIED_FROM the first seed.
/// </summary>
public sealed class RandomWorkTests : IAsyncLifetime
{
    private const int Sector = 512;
    private readonly string _folder = Directory.CreateTempSubdirectory("blkverify").FullName;
    private HostBed _bed = null!;

    public async Task InitializeAsync() => _bed = await HostBed.StartAsync();

    public async Task DisposeAsync()
    {
        await _bed.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData("raw", "", true)]
    [InlineData("qcow2", "", true)]
    [InlineData("qcow2", ",\"cluster-size\":512,\"refcount-bits\":1", true)]
    [InlineData("qcow2", ",\"extended-l2\":true,\"cluster-size\":16384,\"lazy-refcounts\":true", true)]
    [InlineData("parallels", ",\"cluster-size\":65536", true)]
    [InlineData("qcow", "", true)]
    [InlineData("qed", ",\"cluster-size\":4096,\"table-size\":1", false)]
    [InlineData("vdi", "", true)]
    [InlineData("vhdx", ",\"block-size\":1048576", true)]
    [InlineData("vhdx", ",\"block-size\":1048576,\"block-state-zero\":false,\"subformat\":\"fixed\"", true)]
    [InlineData("vpc", ",\"force-size\":true", true)]
    [InlineData("vpc", ",\"force-size\":true,\"subformat\":\"fixed\"", true)]
    [InlineData("vmdk", ",\"adapter-type\":\"ide\"", false)]
    [InlineData("vmdk", ",\"adapter-type\":\"ide\",\"zeroed-grain\":true", false)]
    public async Task An_image_of_any_format_holds_what_a_plain_file_holds(string format, string options, bool canResize)
    {
        var (from, rounds) = (SearchSize.Of("BLOCKHOST_VERIFIED_FROM", 1), SearchSize.Of("BLOCKHOST_VERIFIED", 2));
        for (var seed = from; seed < from + rounds; seed++)
        {
            var random = new Random(seed);
            var size = random.NextInt64(1, 8192) * Sector;
            await CreateAsync(format, options, size);
            for (var openings = 0; openings < 3; openings++)
                size = await WorkAsync(format, random, size, canResize, seed);
        }
    }

    [Fact]
    public async Task A_difference_fails_the_node_and_not_the_daemon()
    {
        await CreateAsync("qcow2", "", 1 << 20);
        await File.WriteAllBytesAsync(PathOf("raw"), [.. new byte[512], 1, .. new byte[(1 << 20) - 513]]);
        await AddAsync("qcow2");
        await using (var guest = await OpenAsync())
        {
            await using var queue = guest.OpenQueue();
            Assert.True((await queue.ReadAsync(0, new byte[512])).IsOk);
            Assert.Equal(Errno.EIO, (await queue.ReadAsync(0, new byte[1024])).Errno);
            Assert.Equal(Errno.EIO, (await queue.ReadAsync(0, new byte[512])).Errno);
        }

        var (_, data) = Assert.Single(_bed.Events, sent => sent.Name == "BLOCK_IMAGE_CORRUPTED");
        Assert.Equal("v", data.GetProperty("node-name").GetString());
        Assert.Equal("blkverify: read offset=0 bytes=1024 contents mismatch at offset 512", data.GetProperty("msg").GetString());
        Assert.True(data.GetProperty("fatal").GetBoolean());
        await ExecuteAsync("blockdev-del", "\"node-name\":\"v\"");
    }

    /// <summary>Requests in groups that run at once, and perhaps a resize. Returns the size that it leaves.</summary>
    private async Task<long> WorkAsync(string format, Random random, long size, bool canResize, int seed)
    {
        await AddAsync(format);
        await using (var guest = await OpenAsync())
        {
            await using var queue = guest.OpenQueue();
            for (var group = 0; group < 12; group++)
            {
                var running = Enumerable.Range(0, random.Next(1, 9)).Select(_ => RequestAsync(queue, random, size)).ToList();
                foreach (var (what, status) in await Task.WhenAll(running))
                    Assert.True(status.IsOk, $"seed {seed}: {what}: errno {status.Errno}; {Reported()}");
                if (canResize && random.Next(8) == 0)
                    await guest.ResizeAsync(size = random.NextInt64(1, 8192) * Sector, default, default);
            }

            await ReadAllAsync(queue, size, seed);
        }

        await ExecuteAsync("blockdev-del", "\"node-name\":\"v\"");
        return size;
    }

    private static async Task<(string What, IoStatus Status)> RequestAsync(IBlockQueue queue, Random random, long size)
    {
        var grain = random.Next(3) switch { 0 => 1, 1 => Sector, _ => 4096 };
        var offset = random.NextInt64(size) / grain * grain;
        var length = (int)Math.Min(size - offset, random.NextInt64(1, 200_000));
        switch (random.Next(8))
        {
            case 0:
                return ($"flush", await queue.FlushAsync());
            case 1 or 2:
                return ($"read {offset} {length}", await queue.ReadAsync(offset, new byte[length]));
            case 3 or 4:
                var flags = random.Next(2) == 0 ? ZeroFlags.None : ZeroFlags.MayUnmap;
                return ($"zeroes {offset} {length}", await queue.WriteZeroesAsync(offset, length, flags));
            default:
                var data = new byte[length];
                random.NextBytes(data);
                return ($"write {offset} {length}", await queue.WriteAsync(
                    offset, data, random.Next(4) == 0 ? WriteFlags.Fua : WriteFlags.None));
        }
    }

    private async Task ReadAllAsync(IBlockQueue queue, long size, int seed)
    {
        var buffer = new byte[1 << 20];
        for (long at = 0; at < size; at += buffer.Length)
        {
            var status = await queue.ReadAsync(at, buffer.AsMemory(0, (int)Math.Min(buffer.Length, size - at)));
            Assert.True(status.IsOk, $"seed {seed}: errno {status.Errno}; {Reported()}");
        }
    }

    private string Reported() =>
        string.Join("; ", _bed.Events.Where(sent => sent.Name == "BLOCK_IMAGE_CORRUPTED").Select(sent => sent.Data.ToString()));

    private async Task CreateAsync(string format, string options, long size)
    {
        File.WriteAllBytes(PathOf("test"), []);
        await using (var raw = File.Create(PathOf("raw")))
            raw.SetLength(size);
        if (format == "raw")
            await using (var test = File.Create(PathOf("test")))
                test.SetLength(size);
        else
            await _bed.Graph.CreateImageAsync(
                Json($$"""{"driver":"{{format}}","file":{{FileOf("test")}},"size":{{size}}{{options}} }"""), default);
    }

    private Task AddAsync(string format) => ExecuteAsync("blockdev-add", $$"""
        "driver":"blkverify","node-name":"v","raw":{{FileOf("raw")}},"test":{"driver":"{{format}}","discard":"unmap","file":{{FileOf("test")}} }
        """);

    private string FileOf(string name) => $$"""{"driver":"file","filename":"{{PathOf(name)}}","discard":"unmap"}""";

    private string PathOf(string name) => Path.Combine(_folder, name);

    private async Task ExecuteAsync(string command, string arguments)
    {
        var answer = await _bed.ExecuteAsync($$$"""{"execute":"{{{command}}}","arguments":{ {{{arguments}}} } }""");
        Assert.True(answer["error"] is null, $"{command}: {answer["error"]}");
    }

    private ValueTask<IBlockBackend> OpenAsync() => _bed.Graph.CreateBackendAsync(_bed.Graph.Lookup(null, "v"), new BackendOptions
    {
        Permissions = new(
            BlockPermissions.ConsistentRead | BlockPermissions.Write | BlockPermissions.Resize, BlockPermissions.All),
    }, CancellationToken.None);

    private static JsonElement Json(string text)
    {
        using var document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }
}
