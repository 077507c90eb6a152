// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Luks.Tests;

/// <summary>Images that are opened, read, written and resized.</summary>
public sealed class LuksTests
{
    private const int Payload = 4096 + (8 * 65536);

    [Fact]
    public async Task What_is_written_is_read_and_lies_encrypted_behind_the_header()
    {
        var image = await LuksBed.CreateAsync();
        await using (var node = await LuksBed.OpenAsync(image))
        {
            Assert.Equal(1 << 20, node.Profile.Length);
            await Disk.WriteAsync(node, 512, 300_032, 7);
        }

        Assert.Equal(Payload + (1 << 20), image.Length);
        Assert.True(image.Read(Payload + 512, 4096).Count(b => b == 7) < 200);
        await using var again = await LuksBed.OpenAsync(image, readOnly: true);
        var content = await Disk.ReadAllAsync(again);
        Assert.True(content.AsSpan(512, 300_032).IndexOfAnyExcept((byte)7) < 0);
    }

    [Theory]
    [InlineData("second", "Invalid password, cannot unlock any keyslot")]
    [InlineData("nobody", "No secret with id 'nobody'")]
    [InlineData("other", "Object with id 'other' is not a secret")]
    [InlineData(null, "Parameter 'key-secret' is required for cipher")]
    public async Task Without_the_password_an_image_is_refused(string? secret, string message)
    {
        var image = await LuksBed.CreateAsync();
        Assert.Equal(message, await LuksBed.RefusalAsync(() => LuksBed.OpenAsync(image, secret)));
    }

    [Fact]
    public async Task Who_looks_at_no_data_needs_no_password()
    {
        var image = await LuksBed.CreateAsync();
        await using var node = await LuksBed.OpenAsync(image, secret: null, readOnly: true, noIo: true);
        Assert.True(node.TryGetFacet<IImageInfo>(out var info));
        var facts = await info.GetFactsAsync(default);
        Assert.True(facts.Encrypted);
        var specific = facts.Specific!.Value;
        Assert.Equal("aes-128", specific.GetProperty("cipher-alg").GetString());
        Assert.Equal(
            [true, false, false, false, false, false, false, false],
            specific.GetProperty("slots").EnumerateArray().Select(slot => slot.GetProperty("active").GetBoolean()));
        var e = await Assert.ThrowsAsync<BlockException>(async () => await Disk.ReadAllAsync(node));
        Assert.Equal("The image was opened without its key", e.Message);
    }

    [Fact]
    public async Task A_disk_grows_and_shrinks_with_its_file()
    {
        var image = await LuksBed.CreateAsync();
        await using var node = await LuksBed.OpenAsync(image);
        await Disk.ResizeAsync(node, 3 << 20);
        Assert.Equal(3 << 20, node.Profile.Length);
        await Disk.ResizeAsync(node, 512);
        Assert.Equal(512, node.Profile.Length);
        Assert.Equal(Payload + 512, image.Length);
        var e = await Assert.ThrowsAsync<BlockException>(async () => await Disk.ResizeAsync(node, long.MaxValue));
        Assert.Equal("The requested file size is too large", e.Message);
    }

    [Fact]
    public async Task A_header_can_lie_in_a_file_of_its_own()
    {
        var (data, header) = (new MemoryImage(), new MemoryImage());
        await LuksBed.CreateAsync(
            new MemoryChild(data),
            new() { ["file"] = "file", ["header"] = "header", ["size"] = 1 << 20, ["key-secret"] = "first", ["iter-time"] = 0 },
            new MemoryChild(header));
        Assert.Equal(1 << 20, data.Length);
        await using (var node = await LuksBed.OpenAsync(data, header: header))
            await Disk.WriteAsync(node, 0, 4096, 3);
        await using var again = await LuksBed.OpenAsync(data, header: header);
        Assert.Equal(4096, (await Disk.ReadAllAsync(again)).AsSpan(0, 4096).Count((byte)3));
        Assert.Equal("Volume is not in LUKS format", await LuksBed.RefusalAsync(() => LuksBed.OpenAsync(data)));
    }

    [Theory]
    [InlineData("""{"size":-1}""", "Parameter 'size' expects a non-negative number below 2^64")]
    [InlineData("""{"size":9223372036854775807}""", "The requested file size is too large")]
    [InlineData("""{"key-secret":null}""", "Parameter 'key-secret' is required for cipher")]
    [InlineData("""{"cipher-alg":"3des"}""", "Algorithm '3des' not supported")]
    [InlineData("""{"hash-alg":"ripemd160"}""", "Hash algorithm 'ripemd160' not supported")]
    [InlineData("""{"ivgen-alg":"essiv","ivgen-hash-alg":"sha1"}""", "No AES cipher with key size 20 available")]
    [InlineData("""{"ivgen-alg":"essiv","ivgen-hash-alg":"sha224"}""", "Hash algorithm 'sha224' not supported")]
    public async Task What_cannot_be_made_is_refused(string changes, string message)
    {
        var options = new Dictionary<string, object?> { ["file"] = "file", ["size"] = 1 << 20, ["key-secret"] = "first" };
        foreach (var change in JsonDocument.Parse(changes).RootElement.EnumerateObject())
            options[change.Name] = change.Value.ValueKind == JsonValueKind.Null ? null : change.Value;
        var storage = new MemoryImage();
        Assert.Equal(message, await LuksBed.RefusalAsync(() => LuksBed.CreateAsync(new MemoryChild(storage), options)));
        Assert.False(storage.Length >= 6 && storage.Read(0, 4).AsSpan().SequenceEqual("LUKS"u8));
    }

    [Fact]
    public async Task A_time_that_nobody_would_wait_is_refused()
    {
        var message = await LuksBed.RefusalAsync(() => LuksBed.CreateAsync(new MemoryChild(new MemoryImage()), new()
        {
            ["file"] = "file",
            ["size"] = 0,
            ["key-secret"] = "first",
            ["iter-time"] = long.MaxValue,
        }));
        Assert.EndsWith("too large to scale: Numerical result out of range", message, StringComparison.Ordinal);
    }
}
