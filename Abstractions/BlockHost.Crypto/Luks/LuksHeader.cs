// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;

namespace BlockHost.Crypto.Luks;

/// <summary>
/// The header of a volume (LUKS1 On-Disk Format Specification 1.2.3, figure 2), big-endian:
/// <code>
///   0    "LUKS" ba be    6    version 1
///   8    cipher          40   mode             72   hash        texts of 32 bytes, ended by a zero
///   104  payload sector  108  bytes of the key
///   112  digest of the key (20)   132  its salt (32)   164  its iterations
///   168  UUID (40)
///   208  slot 0 … slot 7:  state, iterations, salt (32), sector of the key material, stripes
/// </code>
/// </summary>
public sealed record LuksHeader
{
    public const int Bytes = 592;
    public const int SectorBytes = 512;
    public const int SlotCount = 8;
    public const int StripeCount = 4000;
    public const int Version = 1;

    /// <summary>Where QEMU and we put the first key material, and multiples of which all others start at.</summary>
    public const int Alignment = 4096;

    internal const int DigestBytes = 20;
    internal const int DigestSaltBytes = 32;
    internal const int SlotsOffset = 208;

    private const int TextBytes = 32;
    private const int UuidBytes = 40;

    public static ReadOnlySpan<byte> Magic => [0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe];

    public required string CipherName { get; init; }

    /// <summary>The mode and the initialisation vector: <c>xts-plain64</c>, <c>cbc-essiv:sha256</c>.</summary>
    public required string CipherMode { get; init; }

    public required string HashName { get; init; }

    /// <summary>Where the disk begins; 0 with a header of its own file.</summary>
    public uint PayloadSector { get; init; }

    /// <summary>Of the volume's key, which for XTS is two.</summary>
    public uint KeyBytes { get; init; }

    public ReadOnlyMemory<byte> KeyDigest { get; init; } = new byte[DigestBytes];

    public ReadOnlyMemory<byte> KeyDigestSalt { get; init; } = new byte[DigestSaltBytes];

    public uint KeyDigestIterations { get; init; }

    public string Uuid { get; init; } = "";

    public IReadOnlyList<LuksSlot> Slots { get; init; } = [];

    public long PayloadOffset => (long)PayloadSector * SectorBytes;

    /// <summary>Bytes of one slot's key material, whole sectors.</summary>
    internal long MaterialBytes => ((long)KeyBytes * StripeCount + SectorBytes - 1) / SectorBytes * SectorBytes;

    public static bool HasMagic(ReadOnlySpan<byte> head) => head.StartsWith(Magic);

    /// <param name="bytes"><see cref="Bytes"/> of them.</param>
    /// <exception cref="Block.BlockException">It is no header, or one that contradicts itself.</exception>
    public static LuksHeader Parse(ReadOnlySpan<byte> bytes)
    {
        if (!HasMagic(bytes))
            throw Refusal.Because("Volume is not in LUKS format");
        var version = BinaryPrimitives.ReadUInt16BigEndian(bytes[6..]);
        if (version != Version)
            throw Refusal.Because($"LUKS version {version} is not supported");
        return new LuksHeader
        {
            CipherName = Text(bytes[8..], "cipher name"),
            CipherMode = Text(bytes[40..], "cipher mode"),
            HashName = Text(bytes[72..], "hash spec"),
            PayloadSector = Number(bytes, 104),
            KeyBytes = Number(bytes, 108),
            KeyDigest = bytes.Slice(112, DigestBytes).ToArray(),
            KeyDigestSalt = bytes.Slice(132, DigestSaltBytes).ToArray(),
            KeyDigestIterations = Number(bytes, 164),
            Uuid = Encoding.Latin1.GetString(bytes.Slice(168, UuidBytes)).Split('\0')[0],
            Slots = ParseSlots(bytes[SlotsOffset..]),
        };
    }

    public void Write(Span<byte> bytes)
    {
        bytes[..Bytes].Clear();
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[6..], Version);
        Encoding.ASCII.GetBytes(CipherName, bytes.Slice(8, TextBytes - 1));
        Encoding.ASCII.GetBytes(CipherMode, bytes.Slice(40, TextBytes - 1));
        Encoding.ASCII.GetBytes(HashName, bytes.Slice(72, TextBytes - 1));
        SetNumber(bytes, 104, PayloadSector);
        SetNumber(bytes, 108, KeyBytes);
        KeyDigest.Span.CopyTo(bytes[112..]);
        KeyDigestSalt.Span.CopyTo(bytes[132..]);
        SetNumber(bytes, 164, KeyDigestIterations);
        Encoding.Latin1.GetBytes(Uuid, bytes.Slice(168, UuidBytes));
        for (var i = 0; i < SlotCount; i++)
            WriteSlot(Slots[i], bytes[(SlotsOffset + i * LuksSlot.Bytes)..]);
    }

    public LuksHeader With(int slot, LuksSlot value)
    {
        var slots = Slots.ToArray();
        slots[slot] = value;
        return this with { Slots = slots };
    }

    private static LuksSlot[] ParseSlots(ReadOnlySpan<byte> bytes)
    {
        var slots = new LuksSlot[SlotCount];
        for (var i = 0; i < slots.Length; i++)
        {
            var slot = bytes.Slice(i * LuksSlot.Bytes, LuksSlot.Bytes);
            slots[i] = new LuksSlot
            {
                State = Number(slot, 0),
                Iterations = Number(slot, 4),
                Salt = slot.Slice(8, LuksSlot.SaltBytes).ToArray(),
                KeySector = Number(slot, 40),
                Stripes = Number(slot, 44),
            };
        }

        return slots;
    }

    private static void WriteSlot(LuksSlot slot, Span<byte> bytes)
    {
        SetNumber(bytes, 0, slot.State);
        SetNumber(bytes, 4, slot.Iterations);
        slot.Salt.Span.CopyTo(bytes[8..]);
        SetNumber(bytes, 40, slot.KeySector);
        SetNumber(bytes, 44, slot.Stripes);
    }

    private static string Text(ReadOnlySpan<byte> bytes, string what)
    {
        var end = bytes[..TextBytes].IndexOf((byte)0);
        return end >= 0
            ? Encoding.UTF8.GetString(bytes[..end])
            : throw Refusal.Because($"LUKS header {what} is not NUL terminated");
    }

    private static uint Number(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt32BigEndian(bytes[offset..]);

    private static void SetNumber(Span<byte> bytes, int offset, uint value) =>
        BinaryPrimitives.WriteUInt32BigEndian(bytes[offset..], value);
}
