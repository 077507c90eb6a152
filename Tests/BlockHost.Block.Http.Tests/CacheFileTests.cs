// SPDX-License-Identifier: MIT
using BlockHost.Block.Http.Tests.Fakes;

namespace BlockHost.Block.Http.Tests;

/// <summary>What was read once is there the next time, and only what is right is taken from there.</summary>
public sealed class CacheFileTests : IAsyncLifetime
{
    private readonly byte[] _content = Client.Noise((1 << 20) + 100);
    private readonly string _folder = Directory.CreateTempSubdirectory("cache").FullName;
    private WebServer _server = null!;

    private string File => Path.Combine(_folder, "disk.cache");

    private string Options => $$"""{"x-blockhost-cache-file": "{{File}}", "readahead": 0}""";

    public Task InitializeAsync()
    {
        _server = new WebServer(_content);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        await _server.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task What_was_read_is_not_fetched_again_by_the_next_one()
    {
        await ReadAllAsync();
        var fetched = Fetched();
        await ReadAllAsync();

        Assert.Equal(fetched, Fetched());
        Assert.True(fetched > 0);
    }

    [Fact]
    public async Task Only_what_was_read_is_stored()
    {
        await using (var node = await Client.OpenAsync(_server.Url, Options))
            await node.ReadAsync(300_000, 1000);

        Assert.Equal([(262144, 327679)], _server.Requests.Where(r => r.Range is not null).Select(r => r.Range!.Value));
    }

    [Fact]
    public async Task A_block_that_was_damaged_is_fetched_again()
    {
        await ReadAllAsync();
        var file = await System.IO.File.ReadAllBytesAsync(File);
        for (var i = 4096; i < file.Length; i += 10_007)
            file[i] ^= 1;
        await System.IO.File.WriteAllBytesAsync(File, file);
        var fetched = Fetched();

        await ReadAllAsync();

        Assert.True(Fetched() > fetched);
    }

    [Fact]
    public async Task A_file_that_was_cut_off_is_filled_again()
    {
        await ReadAllAsync();
        foreach (var length in new[] { 500_000, 70_000, 5_000, 4_096 })
        {
            using (var file = System.IO.File.OpenHandle(File, access: FileAccess.ReadWrite))
                RandomAccess.SetLength(file, length);
            await ReadAllAsync();
        }
    }

    [Fact]
    public async Task Another_version_begins_anew()
    {
        await ReadAllAsync();
        _server.Content = [.. _content.Reverse()];
        _server.Habit = request => _server.Sane(request) is var sane
            ? sane with { Headers = new(sane.Headers) { ["ETag"] = "\"two\"" } }
            : null;
        await using var node = await Client.OpenAsync(_server.Url, Options);

        Assert.Equal(_server.Content[..4096], await node.ReadAsync(0, 4096));
    }

    [Fact]
    public async Task A_file_that_is_something_else_is_left_as_it_is()
    {
        await System.IO.File.WriteAllTextAsync(File, "my only copy");

        Assert.Equal($"'{File}' is not a cache file: it is left as it is", await Client.OpenErrorAsync(_server.Url, Options));
        Assert.Equal("my only copy", await System.IO.File.ReadAllTextAsync(File));
    }

    [Fact]
    public async Task An_object_without_a_version_is_not_kept()
    {
        _server.Habit = request => _server.Sane(request) is var sane
            ? sane with { Headers = new(sane.Headers) { ["ETag"] = "" } }
            : null;

        Assert.Equal(
            "The server does not say which version of the object it has: no cache file can be kept",
            await Client.OpenErrorAsync(_server.Url, Options));
    }

    [Fact]
    public async Task Two_at_once_do_not_share_a_file()
    {
        await using var node = await Client.OpenAsync(_server.Url, Options);

        Assert.StartsWith($"Could not open the cache file '{File}': ", await Client.OpenErrorAsync(_server.Url, Options));
    }

    [Fact]
    public async Task It_is_its_users_alone()
    {
        await ReadAllAsync();

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, System.IO.File.GetUnixFileMode(File));
    }

    private async Task ReadAllAsync()
    {
        await using var node = await Client.OpenAsync(_server.Url, Options);
        Assert.Equal(_content, (await node.ReadAsync(0, (int)node.Profile.Length))[.._content.Length]);
    }

    private int Fetched() => _server.Requests.Count(request => request.Range is not null);
}
