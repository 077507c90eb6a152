// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Crypto.Digests;
using BlockHost.Crypto.Keys;
using BlockHost.Objects;
using BlockHost.Qmp;

namespace BlockHost.Crypto.Luks;

/// <summary>QAPI QCryptoBlockLUKSKeyslotState.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<LuksKeyslotState>))]
[QapiName("QCryptoBlockLUKSKeyslotState")]
public enum LuksKeyslotState
{
    [JsonStringEnumMemberName("active")]
    Active = 0,

    [JsonStringEnumMemberName("inactive")]
    Inactive = 1,
}

/// <summary>QAPI QCryptoBlockAmendOptionsLUKS: which key slots change, and how. Secrets are ids of objects.</summary>
public record LuksAmendOptions
{
    public required LuksKeyslotState State { get; init; }

    public string? NewSecret { get; init; }

    public string? OldSecret { get; init; }

    public long? Keyslot { get; init; }

    /// <summary>Milliseconds that trying the new password takes on this machine.</summary>
    public long? IterTime { get; init; }

    /// <summary>To have the key with; default: the secret that the image was opened with.</summary>
    public string? Secret { get; init; }

    /// <summary>Command lines are not checked against the type.</summary>
    /// <exception cref="BlockException">The state is missing, or there is no such one.</exception>
    public static void RequireState(JsonElement options)
    {
        if (!options.TryGetProperty("state", out var state))
            throw new BlockException(ParameterFault.Missing("state"));
        if (state.GetString() is not ("active" or "inactive"))
            throw new BlockException(ParameterFault.NotAccepted("state", state.GetString()));
    }
}

/// <summary>Adds a password to a volume, or takes some away; with QEMU's rules, in QEMU's words.</summary>
/// <param name="usualSecret">The secret that the image was opened with.</param>
/// <param name="force">What would lose all data is done all the same.</param>
public sealed class LuksAmendment(
    LuksArea area, LuksAmendOptions options, string? usualSecret, IUserObjects objects, TimeProvider clock, bool force)
{
    private const long UsualTime = 2000;

    /// <returns>The header as it is now.</returns>
    /// <exception cref="BlockException">It is refused, and nothing has changed; or the file could not be written.</exception>
    public async ValueTask<LuksHeader> RunAsync(CancellationToken cancellationToken)
    {
        var header = await area.ReadHeaderAsync(cancellationToken).ConfigureAwait(false);
        var settings = LuksSettings.Parse(header);
        return options.State == LuksKeyslotState.Active
            ? await AddAsync(header, settings, cancellationToken).ConfigureAwait(false)
            : await EraseAsync(header, settings, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<LuksHeader> AddAsync(
        LuksHeader header, LuksSettings settings, CancellationToken cancellationToken)
    {
        if (options.NewSecret is null)
            throw Refusal.Because("'new-secret' is required to activate a keyslot");
        if (options.OldSecret is not null)
            throw Refusal.Because("'old-secret' must not be given when activating keyslots");
        var slot = options.Keyslot is not null ? GivenSlot() : FreeSlot(header);
        if (header.Slots[slot].IsActive && !force)
            throw Refusal.Because($"Refusing to overwrite active keyslot {slot} - please erase it first");
        using var key = await UnlockAsync(header, settings, cancellationToken).ConfigureAwait(false);
        var password = Secrets.Find(objects, options.NewSecret);
        var iterations = await Task.Run(
            () => IterationCount.For(
                settings.Digest,
                key.Length,
                (ulong)(options.IterTime ?? UsualTime),
                clock,
                divisor: 1,
                LuksHeaderChecks.MostIterations / 4),
            cancellationToken).ConfigureAwait(false);
        if (header.Slots[slot].IsActive)
            header = await LuksKeys.EraseAsync(area, header, slot, cancellationToken).ConfigureAwait(false);
        return await LuksKeys.StoreAsync(
            area, header, settings, slot, key, password, iterations, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<SecretBytes> UnlockAsync(
        LuksHeader header, LuksSettings settings, CancellationToken cancellationToken)
    {
        var secret = options.Secret ?? usualSecret
            ?? throw Refusal.Because("Can't unlock the keyslots: no secret was given to open the image with");
        return await LuksKeys.UnlockAsync(
            area, header, settings, Secrets.Find(objects, secret), cancellationToken).ConfigureAwait(false)
            ?? throw Refusal.Because("Invalid password, cannot unlock any keyslot");
    }

    private async ValueTask<LuksHeader> EraseAsync(
        LuksHeader header, LuksSettings settings, CancellationToken cancellationToken)
    {
        RequireForErasing();
        var slots = options switch
        {
            { Keyslot: not null } => await GivenSlotsAsync(header, settings, cancellationToken).ConfigureAwait(false),
            { OldSecret: not null } => await MatchingSlotsAsync(header, settings, cancellationToken).ConfigureAwait(false),
            _ => throw Refusal.Because(
                "To erase keyslot(s), either explicit keyslot index or the password currently contained in them must be given"),
        };
        foreach (var slot in slots)
            header = await LuksKeys.EraseAsync(area, header, slot, cancellationToken).ConfigureAwait(false);
        return header;
    }

    private void RequireForErasing()
    {
        if (options.NewSecret is not null)
            throw Refusal.Because("'new-secret' must not be given when erasing keyslots");
        if (options.IterTime is not null)
            throw Refusal.Because("'iter-time' must not be given when erasing keyslots");
        if (options.Secret is not null)
            throw Refusal.Because("'secret' must not be given when erasing keyslots");
    }

    private async ValueTask<IReadOnlyList<int>> GivenSlotsAsync(
        LuksHeader header, LuksSettings settings, CancellationToken cancellationToken)
    {
        var slot = GivenSlot();
        if (options.OldSecret is { } old
            && !await MatchesAsync(header, settings, slot, old, cancellationToken).ConfigureAwait(false))
            throw Refusal.Because($"Given keyslot {slot} doesn't contain the given old password for erase operation");
        if (force)
            return [slot];
        if (!header.Slots[slot].IsActive)
            // The blank at the end is QEMU's.
            throw Refusal.Because($"Given keyslot {slot} is already erased (inactive) ");
        if (header.Slots.Count(other => other.IsActive) == 1)
            throw Refusal.Because(
                $"Attempt to erase the only active keyslot {slot} which will erase all the data in the image irreversibly"
                + " - refusing operation");
        return [slot];
    }

    private async ValueTask<IReadOnlyList<int>> MatchingSlotsAsync(
        LuksHeader header, LuksSettings settings, CancellationToken cancellationToken)
    {
        var matching = new List<int>();
        for (var slot = 0; slot < LuksHeader.SlotCount; slot++)
        {
            if (await MatchesAsync(header, settings, slot, options.OldSecret!, cancellationToken).ConfigureAwait(false))
                matching.Add(slot);
        }

        if (matching.Count == 0)
            throw Refusal.Because("No keyslots match given (old) password for erase operation");
        if (matching.Count == header.Slots.Count(slot => slot.IsActive) && !force)
            throw Refusal.Because(
                "All the active keyslots match the (old) password that was given and erasing them will erase all the data in the"
                + " image irreversibly - refusing operation");
        return matching;
    }

    private async ValueTask<bool> MatchesAsync(
        LuksHeader header, LuksSettings settings, int slot, string secret, CancellationToken cancellationToken)
    {
        using var key = await LuksKeys.UnlockAsync(
            area, header, settings, slot, Secrets.Find(objects, secret), cancellationToken).ConfigureAwait(false);
        return key is not null;
    }

    private int GivenSlot() => options.Keyslot is >= 0 and < LuksHeader.SlotCount
        ? (int)options.Keyslot
        : throw Refusal.Because(
            $"Invalid keyslot {(uint)options.Keyslot!} specified, must be between 0 and {LuksHeader.SlotCount - 1}");

    private static int FreeSlot(LuksHeader header)
    {
        for (var slot = 0; slot < LuksHeader.SlotCount; slot++)
        {
            if (!header.Slots[slot].IsActive)
                return slot;
        }

        throw Refusal.Because("Can't add a keyslot - all keyslots are in use");
    }
}
