// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;
using BlockHost.Block;
using BlockHost.Block.Graph;

namespace BlockHost.Commands.Migration.Tests;

/// <summary>Encrypted images that are opened inactive without their keys, and get them by block_passwd.</summary>
public sealed class PasswordTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("bh").FullName;
    private MigrationHost _host = null!;

    public async Task InitializeAsync() => _host = await MigrationHost.StartAsync();

    public async Task DisposeAsync()
    {
        await _host.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData("luks", "luks")]
    [InlineData("qcow2", "luks")]
    [InlineData("qcow", "aes")]
    public async Task The_disk_can_be_used_when_its_password_has_come(string format, string encryption)
    {
        await WriteAsync(format, encryption);
        await AddAsync("disk", format);
        Assert.True(await IsKeyMissingAsync("disk"));

        await SetPasswordAsync("disk", "open sesame");

        Assert.False(await IsKeyMissingAsync("disk"));
        Assert.Equal(7, await ReadAsync("disk"));
        await _host.RunAsync("blockdev-set-active", """{"node-name":"disk","active":true}""");
        Assert.Equal(7, await ReadAsync("disk"));
        Assert.Equal("Device 'disk' has its key", await PasswordErrorAsync("disk", "open sesame"));

        // It comes and goes with the same key.
        await _host.RunAsync("blockdev-set-active", """{"node-name":"disk","active":false}""");
        await _host.RunAsync("blockdev-set-active", """{"node-name":"disk","active":true}""");
        Assert.Equal(7, await ReadAsync("disk"));
    }

    [Theory]
    [InlineData("luks", "key-secret")]
    [InlineData("qcow2", "encrypt.key-secret")]
    public async Task Without_it_the_disk_is_no_use_to_anybody(string format, string option)
    {
        await WriteAsync(format, "luks");
        await AddAsync("disk", format);

        Assert.Equal(
            $"Parameter '{option}' is required for cipher",
            await _host.FailAsync("blockdev-set-active", """{"node-name":"disk","active":true}"""));
        Assert.Equal("Invalid password, cannot unlock any keyslot", await PasswordErrorAsync("disk", "let me in"));
        Assert.True(await IsKeyMissingAsync("disk"));
        await using var user = await BackendAsync("disk");
        await using var queue = user.OpenQueue();
        Assert.False((await queue.ReadAsync(0, new byte[512])).IsOk);
        Assert.Equal(
            $"Parameter '{option}' is required for cipher",
            await _host.FailAsync("blockdev-add", Options("other", format, active: true)));
    }

    [Fact]
    public async Task An_overlay_and_its_encrypted_base_get_it_together()
    {
        await WriteAsync("qcow2", "luks");
        var overlay = Path.Combine(_folder, "overlay");
        File.Copy(Image, overlay);
        await _host.RunAsync("blockdev-add", $$"""
            {"driver":"qcow2","node-name":"top","active":false,"file":{"driver":"file","filename":"{{overlay}}"},
             "backing":{{Options("base", "qcow2", active: false)}} }
            """);
        Assert.Equal("Invalid password, cannot unlock any keyslot", await PasswordErrorAsync("top", "let me in"));
        Assert.True(await IsKeyMissingAsync("base"));

        await SetPasswordAsync("top", "open sesame");

        Assert.False(await IsKeyMissingAsync("top"));
        Assert.False(await IsKeyMissingAsync("base"));
    }

    [Fact]
    public async Task What_is_not_encrypted_or_not_there_takes_none()
    {
        await File.WriteAllBytesAsync(Image, new byte[1 << 20]);
        await AddAsync("disk", "raw");

        Assert.Equal("Device 'disk' is not encrypted", await PasswordErrorAsync("disk", "x"));
        Assert.Equal("Cannot find device='' nor node-name='none'", await PasswordErrorAsync("none", "x"));
    }

    private string Image => Path.Combine(_folder, "disk");

    private string Options(string name, string format, bool active) => $$"""
        {"driver":"{{format}}","node-name":"{{name}}","active":{{(active ? "true" : "false")}},
         "file":{"driver":"file","filename":"{{Image}}"} }
        """;

    private Task AddAsync(string name, string format) => _host.RunAsync("blockdev-add", Options(name, format, active: false));

    /// <summary>Makes the image, with the password "open sesame" and a 7 in front.</summary>
    private async Task WriteAsync(string format, string encryption)
    {
        await _host.RunAsync("object-add", """{"qom-type":"secret","id":"key","data":"open sesame"}""");
        await CreateAsync($$"""{"driver":"file","filename":"{{Image}}","size":0}""");
        await _host.RunAsync("blockdev-add", $$"""{"driver":"file","node-name":"f","filename":"{{Image}}"}""");
        var key = format == "luks"
            ? """ "key-secret":"key","iter-time":10 """
            : $$""" "encrypt":{"format":"{{encryption}}","key-secret":"key"{{(encryption == "luks" ? ""","iter-time":10""" : "")}} } """;
        await CreateAsync($$"""{"driver":"{{format}}","file":"f","size":1048576,{{key}} }""");
        var open = format == "luks" ? """ "key-secret":"key" """
            : $$""" "encrypt":{"format":"{{encryption}}","key-secret":"key"} """;
        await _host.RunAsync("blockdev-add", $$"""{"driver":"{{format}}","node-name":"w","file":"f",{{open}} }""");
        await using (var writer = await BackendAsync("w", BlockPermissions.ConsistentRead | BlockPermissions.Write))
        {
            await using var queue = writer.OpenQueue();
            var data = new byte[4096];
            data.AsSpan().Fill(7);
            Assert.True((await queue.WriteAsync(0, data)).IsOk);
        }

        await _host.RunAsync("blockdev-del", """{"node-name":"w"}""");
        await _host.RunAsync("blockdev-del", """{"node-name":"f"}""");
        await _host.RunAsync("object-del", """{"id":"key"}""");
    }

    private async Task CreateAsync(string options)
    {
        await _host.RunAsync("blockdev-create", $$"""{"job-id":"c","options":{{options}} }""");
        JsonNode? job;
        for (var end = DateTime.UtcNow + TimeSpan.FromSeconds(60);
            (job = (await _host.RunAsync("query-jobs"))[0])!["status"]!.ToString() != "concluded"; await Task.Delay(5))
            Assert.True(DateTime.UtcNow < end, job.ToJsonString());
        Assert.Null(job["error"]);
        await _host.RunAsync("job-dismiss", """{"id":"c"}""");
    }

    private Task SetPasswordAsync(string node, string password) =>
        _host.RunAsync("block_passwd", $$"""{"node-name":"{{node}}","password":"{{password}}"}""");

    private Task<string> PasswordErrorAsync(string node, string password) =>
        _host.FailAsync("block_passwd", $$"""{"node-name":"{{node}}","password":"{{password}}"}""");

    private async Task<bool> IsKeyMissingAsync(string node) =>
        (bool)(await _host.RunAsync("query-named-block-nodes")).AsArray()
            .Single(shown => (string?)shown!["node-name"] == node)!["encryption_key_missing"]!;

    private async Task<IBlockBackend> BackendAsync(string node, BlockPermissions needed = BlockPermissions.ConsistentRead) =>
        await _host.Host.Graph.CreateBackendAsync(
            _host.Host.Graph.Lookup(null, node),
            new BackendOptions { Permissions = new(needed, BlockPermissions.All), AllowInactive = true },
            CancellationToken.None);

    private async Task<byte> ReadAsync(string node)
    {
        await using var user = await BackendAsync(node);
        await using var queue = user.OpenQueue();
        var data = new byte[4096];
        Assert.True((await queue.ReadAsync(0, data)).IsOk);
        return data[0];
    }
}
