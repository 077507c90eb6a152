// SPDX-License-Identifier: MIT
namespace BlockHost.Crypto.Luks;

/// <summary>What a header must not say: places that overlap, counts of nothing, and work without end.</summary>
internal static class LuksHeaderChecks
{
    /// <summary>
    /// Of PBKDF2, for all slots that may have to be tried together: minutes on a slow machine, where a header can ask for weeks.
    /// </summary>
    public const long MostIterations = 500_000_000;

    /// <param name="end">Where key material has to end, in bytes from the header's start.</param>
    /// <param name="isDetached">The disk is elsewhere, and where the header has it means nothing.</param>
    /// <exception cref="Block.BlockException">The first of what is wrong, in QEMU's words.</exception>
    public static void Require(LuksHeader header, long end, bool isDetached)
    {
        if (!isDetached && header.PayloadOffset < LuksHeader.Alignment)
            throw Refusal.Because("LUKS payload is overlapping with the header");
        if (header.KeyDigestIterations == 0)
            throw Refusal.Because("LUKS key iteration count is zero");
        for (var i = 0; i < LuksHeader.SlotCount; i++)
            RequireSlot(header, i, end);
    }

    /// <exception cref="Block.BlockException">A password would be tried for hours.</exception>
    public static void RequireBoundedWork(LuksHeader header, int digestBytes)
    {
        var active = header.Slots.Where(slot => slot.IsActive).ToArray();
        // PBKDF2 goes through its iterations anew for each part of the key that is as long as a hash.
        var parts = (header.KeyBytes + digestBytes - 1) / digestBytes;
        var iterations = active.Sum(slot => parts * slot.Iterations) + (long)active.Length * header.KeyDigestIterations;
        if (iterations > MostIterations)
            throw Refusal.Because(
                $"LUKS key slots ask for {iterations} iterations of PBKDF2, more than {MostIterations}: no password is tried");
    }

    private static void RequireSlot(LuksHeader header, int index, long limit)
    {
        var slot = header.Slots[index];
        var (start, end) = Place(header, slot);
        if (slot.Stripes != LuksHeader.StripeCount)
            throw Refusal.Because($"Keyslot {index} is corrupted (stripes {(int)slot.Stripes} != {LuksHeader.StripeCount})");
        if (slot.State is not (LuksSlot.ActiveState or LuksSlot.InactiveState))
            throw Refusal.Because($"Keyslot {index} state (active/disable) is corrupted");
        if (slot.IsActive && slot.Iterations == 0)
            throw Refusal.Because($"Keyslot {index} iteration count is zero");
        if (start < LuksHeader.Alignment)
            throw Refusal.Because($"Keyslot {index} is overlapping with the LUKS header");
        if (end > limit)
            throw Refusal.Because($"Keyslot {index} is overlapping with the encrypted payload");
        for (var other = index + 1; other < LuksHeader.SlotCount; other++)
        {
            var (otherStart, otherEnd) = Place(header, header.Slots[other]);
            if (start < otherEnd && otherStart < end)
                throw Refusal.Because($"Keyslots {index} and {other} are overlapping in the header");
        }
    }

    /// <summary>As QEMU counts, up to the next multiple that key material starts at.</summary>
    private static (long Start, long End) Place(LuksHeader header, LuksSlot slot)
    {
        var start = (long)slot.KeySector * LuksHeader.SectorBytes;
        var units = (header.MaterialBytes + LuksHeader.Alignment - 1) / LuksHeader.Alignment;
        return (start, start + units * LuksHeader.Alignment);
    }
}
