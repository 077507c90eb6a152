// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Luks.Tests;

/// <summary>Headers that make no sense, one field at a time; the texts are QEMU 7.2's.</summary>
public sealed class HeaderTests
{
    private const int Slot0 = 208;

    [Theory]
    [InlineData(6, "0002", "LUKS version 2 is not supported")]
    [InlineData(
        8, "61616161616161616161616161616161616161616161616161616161616161616161",
        "LUKS header cipher name is not NUL terminated")]
    [InlineData(8, "666f6f00", "Algorithm 'foo' with key size 16 bytes not supported")]
    [InlineData(40, "666f6f00", "Unexpected cipher mode string format 'foo'")]
    [InlineData(40, "666f6f2d706c61696e363400", "Cipher mode 'foo' not supported")]
    [InlineData(40, "6362632d666f6f00", "IV generator 'foo' not supported")]
    [InlineData(40, "6362632d65737369763a666f6f00", "Hash algorithm 'foo' not supported")]
    [InlineData(40, "6362632d657373697600", "Missing IV generator hash specification")]
    [InlineData(72, "666f6f00", "Hash algorithm 'foo' not supported")]
    [InlineData(104, "00000001", "LUKS payload is overlapping with the header")]
    [InlineData(104, "00000008", "Keyslot 0 is overlapping with the encrypted payload")]
    [InlineData(104, "7fffffff", "Could not refresh total sector count: Input/output error")]
    [InlineData(104, "ffffffff", "Could not refresh total sector count: Input/output error")]
    [InlineData(108, "00000000", "Algorithm 'aes' with key size 0 bytes not supported")]
    [InlineData(108, "80000000", "Keyslot 0 is overlapping with the encrypted payload")]
    [InlineData(108, "ffffffff", "Keyslot 0 is overlapping with the encrypted payload")]
    [InlineData(164, "00000000", "LUKS key iteration count is zero")]
    [InlineData(Slot0, "00000005", "Keyslot 0 state (active/disable) is corrupted")]
    [InlineData(Slot0 + 4, "00000000", "Keyslot 0 iteration count is zero")]
    [InlineData(Slot0 + 40, "00000001", "Keyslot 0 is overlapping with the LUKS header")]
    [InlineData(Slot0 + 40, "7fffffff", "Keyslot 0 is overlapping with the encrypted payload")]
    [InlineData(Slot0 + 40, "ffffffff", "Keyslot 0 is overlapping with the encrypted payload")]
    [InlineData(Slot0 + 40, "00000080", "Keyslots 0 and 1 are overlapping in the header")]
    [InlineData(Slot0 + 44, "ffffffff", "Keyslot 0 is corrupted (stripes -1 != 4000)")]
    [InlineData(
        Slot0 + 4, "ffffffff",
        "LUKS key slots ask for 4294968295 iterations of PBKDF2, more than 500000000: no password is tried")]
    [InlineData(
        164, "7fffffff",
        "LUKS key slots ask for 2147484647 iterations of PBKDF2, more than 500000000: no password is tried")]
    public async Task A_field_that_makes_no_sense_is_refused_by_name(int at, string bytes, string message)
    {
        var image = await LuksBed.CreateAsync();
        image.Write(at, Convert.FromHexString(bytes));
        Assert.Equal(message, await LuksBed.RefusalAsync(() => LuksBed.OpenAsync(image)));
    }

    /// <summary>Extremes of every field: it is refused or opened, at once, and with no more memory than a header names.</summary>
    [Fact]
    public async Task No_field_takes_time_or_memory()
    {
        var whole = await LuksBed.CreateAsync();
        var bytes = new byte[8];
        var slots = new[] { 0, 6, 7 }.SelectMany(slot => new[] { 0, 4, 40, 44 }.Select(field => Slot0 + (48 * slot) + field));
        foreach (var value in new ulong[] { 1UL << 31, uint.MaxValue, 1UL << 63 })
        {
            foreach (var at in slots.Concat([100, 104, 108, 160, 164]))
            {
                var image = new MemoryImage(whole.Read(0, (int)whole.Length));
                BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
                image.Write(at, bytes);
                try
                {
                    await using var node = await LuksBed.OpenAsync(image, readOnly: true);
                    Assert.InRange(node.Profile.Length, 0, whole.Length);
                }
                catch (BlockException)
                {
                }
            }
        }
    }
}
