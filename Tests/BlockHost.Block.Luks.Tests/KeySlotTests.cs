// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Luks.Tests;

/// <summary>Passwords come and go, by QEMU's rules, and never half.</summary>
public sealed class KeySlotTests
{
    private const string LastOne =
        "Attempt to erase the only active keyslot 0 which will erase all the data in the image irreversibly - refusing operation";

    private const string AllOfThem =
        "All the active keyslots match the (old) password that was given and erasing them will erase all the data in the image "
        + "irreversibly - refusing operation";

    [Fact]
    public async Task A_password_is_added_and_the_first_one_taken_away()
    {
        var image = await LuksBed.CreateAsync();
        await using (var node = await LuksBed.OpenAsync(image))
        {
            await Disk.WriteAsync(node, 0, 512, 9);
            await LuksBed.AmendAsync(node, new Dictionary<string, object>
            { ["state"] = "active", ["new-secret"] = "second", ["iter-time"] = 0, ["keyslot"] = 6 });
            await LuksBed.AmendAsync(node, new Dictionary<string, object> { ["state"] = "inactive", ["old-secret"] = "first" });
        }

        await LuksBed.RefusalAsync(() => LuksBed.OpenAsync(image));
        await using var again = await LuksBed.OpenAsync(image, "second");
        Assert.Equal(512, (await Disk.ReadAllAsync(again)).AsSpan(0, 512).Count((byte)9));
    }

    [Theory]
    [InlineData("""{"state":"active"}""", "'new-secret' is required to activate a keyslot")]
    [InlineData(
        """{"state":"active","new-secret":"second","old-secret":"first"}""",
        "'old-secret' must not be given when activating keyslots")]
    [InlineData("""{"state":"active","new-secret":"nobody"}""", "No secret with id 'nobody'")]
    [InlineData(
        """{"state":"active","new-secret":"second","keyslot":8}""", "Invalid keyslot 8 specified, must be between 0 and 7")]
    [InlineData(
        """{"state":"active","new-secret":"second","keyslot":-1}""",
        "Invalid keyslot 4294967295 specified, must be between 0 and 7")]
    [InlineData(
        """{"state":"active","new-secret":"second","keyslot":0}""",
        "Refusing to overwrite active keyslot 0 - please erase it first")]
    [InlineData(
        """{"state":"active","new-secret":"second","secret":"third"}""", "Invalid password, cannot unlock any keyslot")]
    [InlineData(
        """{"state":"inactive"}""",
        "To erase keyslot(s), either explicit keyslot index or the password currently contained in them must be given")]
    [InlineData("""{"state":"inactive","new-secret":"second"}""", "'new-secret' must not be given when erasing keyslots")]
    [InlineData("""{"state":"inactive","iter-time":1}""", "'iter-time' must not be given when erasing keyslots")]
    [InlineData("""{"state":"inactive","secret":"first"}""", "'secret' must not be given when erasing keyslots")]
    [InlineData("""{"state":"inactive","keyslot":5}""", "Given keyslot 5 is already erased (inactive) ")]
    [InlineData("""{"state":"inactive","keyslot":0}""", LastOne)]
    [InlineData("""{"state":"inactive","old-secret":"first"}""", AllOfThem)]
    [InlineData(
        """{"state":"inactive","old-secret":"second"}""", "No keyslots match given (old) password for erase operation")]
    [InlineData(
        """{"state":"inactive","keyslot":0,"old-secret":"second"}""",
        "Given keyslot 0 doesn't contain the given old password for erase operation")]
    public async Task What_is_refused_changes_nothing(string options, string message)
    {
        var image = await LuksBed.CreateAsync();
        var before = image.Read(0, (int)image.Length);
        await using var node = await LuksBed.OpenAsync(image);
        var amendment = System.Text.Json.JsonDocument.Parse(options).RootElement;
        Assert.Equal(message, await LuksBed.RefusalAsync(() => LuksBed.AmendAsync(node, amendment)));
        Assert.True(before.AsSpan().SequenceEqual(image.Read(0, (int)image.Length)));
    }

    [Fact]
    public async Task Eight_passwords_fill_an_image()
    {
        var image = await LuksBed.CreateAsync();
        await using var node = await LuksBed.OpenAsync(image);
        var add = new Dictionary<string, object> { ["state"] = "active", ["new-secret"] = "second", ["iter-time"] = 0 };
        for (var i = 1; i < 8; i++)
            await LuksBed.AmendAsync(node, add);
        Assert.Equal(
            "Can't add a keyslot - all keyslots are in use", await LuksBed.RefusalAsync(() => LuksBed.AmendAsync(node, add)));
        await LuksBed.AmendAsync(node, new Dictionary<string, object> { ["state"] = "inactive", ["old-secret"] = "second" });
        await using var again = await LuksBed.OpenAsync(image);
        await LuksBed.RefusalAsync(() => LuksBed.OpenAsync(image, "second"));
    }

    [Fact]
    public async Task By_force_the_last_slot_goes_and_an_active_one_is_overwritten()
    {
        var image = await LuksBed.CreateAsync();
        await using var node = await LuksBed.OpenAsync(image);
        await LuksBed.AmendAsync(
            node,
            new Dictionary<string, object>
            { ["state"] = "active", ["new-secret"] = "second", ["iter-time"] = 0, ["keyslot"] = 0 },
            force: true);
        await LuksBed.RefusalAsync(() => LuksBed.OpenAsync(image));
        await using (await LuksBed.OpenAsync(image, "second"))
            await LuksBed.AmendAsync(
                node, new Dictionary<string, object> { ["state"] = "inactive", ["keyslot"] = 0 }, force: true);
        await LuksBed.RefusalAsync(() => LuksBed.OpenAsync(image, "second"));
        Assert.Equal(64000, image.Read(4096, 64000).Length);
    }

    [Fact]
    public async Task An_erased_slot_leaves_no_key_behind()
    {
        var image = await LuksBed.CreateAsync();
        await using var node = await LuksBed.OpenAsync(image);
        await LuksBed.AmendAsync(
            node, new Dictionary<string, object> { ["state"] = "active", ["new-secret"] = "second", ["iter-time"] = 0 });
        var material = image.Read(4096, 64000);
        await LuksBed.AmendAsync(node, new Dictionary<string, object> { ["state"] = "inactive", ["keyslot"] = 0 });
        var left = image.Read(4096, 64000);
        Assert.True(material.Zip(left).Count(pair => pair.First == pair.Second) < 64000 / 100);
    }

    /// <summary>Slot 6 lies over the end of a sector.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    public async Task A_power_cut_leaves_each_password_as_it_was_or_is_to_be(int slot)
    {
        var opened = new HashSet<string>();
        var mustOpen = "first";
        var cuts = new PowerCuts(async left =>
        {
            await using (await LuksBed.OpenAsync(left, mustOpen, readOnly: true))
                opened.Add(mustOpen);
            foreach (var other in new[] { "first", "second" })
            {
                try
                {
                    await using var node = await LuksBed.OpenAsync(left, other, readOnly: true);
                    opened.Add(other);
                }
                catch (BlockException e)
                {
                    Assert.Equal("Invalid password, cannot unlock any keyslot", e.Message);
                }
            }
        });
        var image = await LuksBed.CreateAsync(size: 512);
        await using (var node = await LuksBed.OpenAsync(image, wrap: child => cuts.Watch(image, child)))
        {
            await LuksBed.AmendAsync(node, new Dictionary<string, object>
            { ["state"] = "active", ["new-secret"] = "second", ["iter-time"] = 0, ["keyslot"] = slot });
            mustOpen = "second";
            await LuksBed.AmendAsync(node, new Dictionary<string, object> { ["state"] = "inactive", ["keyslot"] = 0 });
        }

        Assert.True(cuts.Count >= 10);
        Assert.Equal(2, opened.Count);
    }

    [Fact]
    public async Task A_power_cut_while_an_image_is_made_leaves_none_or_a_whole_one()
    {
        var cuts = new PowerCuts(async left =>
        {
            try
            {
                await using var node = await LuksBed.OpenAsync(left, readOnly: true);
                Assert.Equal(512, node.Profile.Length);
            }
            catch (BlockException e)
            {
                Assert.Contains(e.Message, new[]
                {
                    "Volume is not in LUKS format", "Invalid password, cannot unlock any keyslot",
                    "LUKS payload is overlapping with the header", "LUKS key iteration count is zero",
                    "Could not refresh total sector count: Input/output error", "Keyslot 0 is corrupted (stripes 0 != 4000)",
                    "Keyslot 7 is corrupted (stripes 0 != 4000)",
                });
            }
        });
        await LuksBed.CreateAsync(
            cuts.Watch(new MemoryImage()),
            new()
            {
                ["file"] = "file",
                ["size"] = 512,
                ["key-secret"] = "first",
                ["iter-time"] = 0,
                ["cipher-alg"] = "aes-128",
                ["cipher-mode"] = "cbc",
            });
        Assert.True(cuts.Count >= 6);
    }
}
