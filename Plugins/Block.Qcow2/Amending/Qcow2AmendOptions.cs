// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Crypto.Luks;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Qcow2.Amending;

/// <summary>
/// QAPI BlockdevAmendOptionsQcow2, which has the encryption alone, and the rest of what <c>qemu-img amend -o</c> can change.
/// </summary>
public sealed record Qcow2AmendOptions
{
    public Qcow2EncryptionAmendment? Encrypt { get; init; }

    [QapiLegacy]
    public BlockdevQcow2Version? Version { get; init; }

    [QapiLegacy]
    public long? Size { get; init; }

    [QapiLegacy]
    public string? BackingFile { get; init; }

    [QapiLegacy]
    public string? BackingFmt { get; init; }

    /// <summary>The name that the image records; empty: none.</summary>
    [QapiLegacy]
    public string? DataFile { get; init; }

    [QapiLegacy]
    public bool? DataFileRaw { get; init; }

    [QapiLegacy]
    public bool? LazyRefcounts { get; init; }

    [QapiLegacy]
    public long? RefcountBits { get; init; }
}

/// <summary>QAPI QCryptoBlockAmendOptions, by "format".</summary>
[JsonPolymorphic(
    TypeDiscriminatorPropertyName = "format", UnknownDerivedTypeHandling = JsonUnknownDerivedTypeHandling.FailSerialization)]
[JsonDerivedType(typeof(Qcow2AesAmendment), "qcow")]
[JsonDerivedType(typeof(Qcow2LuksAmendment), "luks")]
public abstract record Qcow2EncryptionAmendment;

public sealed record Qcow2AesAmendment : Qcow2EncryptionAmendment;

public sealed record Qcow2LuksAmendment : Qcow2EncryptionAmendment
{
    public required LuksKeyslotState State { get; init; }

    public string? NewSecret { get; init; }

    public string? OldSecret { get; init; }

    public long? Keyslot { get; init; }

    public long? IterTime { get; init; }

    public string? Secret { get; init; }
}
