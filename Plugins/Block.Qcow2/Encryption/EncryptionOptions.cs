// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Crypto;
using BlockHost.Crypto.Luks;

namespace BlockHost.Plugins.Block.Qcow2.Encryption;

/// <summary>QAPI BlockdevQcow2Encryption, by "format".</summary>
[JsonPolymorphic(
    TypeDiscriminatorPropertyName = "format", UnknownDerivedTypeHandling = JsonUnknownDerivedTypeHandling.FailSerialization)]
[JsonDerivedType(typeof(Qcow2AesKey), "aes")]
[JsonDerivedType(typeof(Qcow2LuksKey), "luks")]
public abstract record BlockdevQcow2Encryption
{
    /// <summary>Id of the secret with the password.</summary>
    internal string? Secret => this is Qcow2AesKey aes ? aes.KeySecret : ((Qcow2LuksKey)this).KeySecret;
}

public sealed record Qcow2AesKey : BlockdevQcow2Encryption
{
    public string? KeySecret { get; init; }
}

public sealed record Qcow2LuksKey : BlockdevQcow2Encryption
{
    public string? KeySecret { get; init; }
}

/// <summary>QAPI QCryptoBlockCreateOptions, by "format".</summary>
[JsonPolymorphic(
    TypeDiscriminatorPropertyName = "format", UnknownDerivedTypeHandling = JsonUnknownDerivedTypeHandling.FailSerialization)]
[JsonDerivedType(typeof(Qcow2AesCreation), "qcow")]
[JsonDerivedType(typeof(Qcow2LuksCreation), "luks")]
public abstract record Qcow2EncryptionCreation
{
    /// <summary>Id of the secret with the password.</summary>
    internal string? Secret => this is Qcow2AesCreation aes ? aes.KeySecret : ((Qcow2LuksCreation)this).KeySecret;

    /// <summary>Command lines are not checked against the type.</summary>
    /// <exception cref="BlockException">The format is missing, or there is no such one.</exception>
    internal static void RequireFormat(JsonElement options)
    {
        if (!options.TryGetProperty("encrypt", out var encrypt) || encrypt.ValueKind != JsonValueKind.Object)
            return;
        if (!encrypt.TryGetProperty("format", out var format))
            throw new BlockException(ParameterFault.Missing("encrypt.format"));
        if (format.GetString() is not ("qcow" or "luks"))
            throw new BlockException(ParameterFault.NotAccepted("format", format.GetString()));
    }
}

public sealed record Qcow2AesCreation : Qcow2EncryptionCreation
{
    public string? KeySecret { get; init; }
}

public sealed record Qcow2LuksCreation : Qcow2EncryptionCreation
{
    public string? KeySecret { get; init; }

    public CipherAlgorithm? CipherAlg { get; init; }

    public CipherMode? CipherMode { get; init; }

    public IvGeneratorAlgorithm? IvgenAlg { get; init; }

    public DigestAlgorithm? IvgenHashAlg { get; init; }

    public DigestAlgorithm? HashAlg { get; init; }

    public long? IterTime { get; init; }

    internal LuksCreateSettings ToSettings() => new()
    {
        CipherAlg = CipherAlg,
        CipherMode = CipherMode,
        IvgenAlg = IvgenAlg,
        IvgenHashAlg = IvgenHashAlg,
        HashAlg = HashAlg,
        IterTime = IterTime,
    };
}

/// <summary>QAPI ImageInfoSpecificQCow2Encryption, by "format".</summary>
[JsonPolymorphic(
    TypeDiscriminatorPropertyName = "format", UnknownDerivedTypeHandling = JsonUnknownDerivedTypeHandling.FailSerialization)]
[JsonDerivedType(typeof(Qcow2AesInfo), "aes")]
[JsonDerivedType(typeof(Qcow2LuksInfo), "luks")]
public abstract record Qcow2EncryptionInfo;

public sealed record Qcow2AesInfo : Qcow2EncryptionInfo;

public sealed record Qcow2LuksInfo : Qcow2EncryptionInfo
{
    public required IvGeneratorAlgorithm IvgenAlg { get; init; }

    public required DigestAlgorithm HashAlg { get; init; }

    public required CipherAlgorithm CipherAlg { get; init; }

    public required string Uuid { get; init; }

    public DigestAlgorithm? IvgenHashAlg { get; init; }

    public required CipherMode CipherMode { get; init; }

    public required IReadOnlyList<LuksSlotInfo> Slots { get; init; }

    public required long PayloadOffset { get; init; }

    public required long MasterKeyIters { get; init; }

    internal static Qcow2LuksInfo Of(LuksInfo info) => new()
    {
        IvgenAlg = info.IvgenAlg,
        HashAlg = info.HashAlg,
        CipherAlg = info.CipherAlg,
        Uuid = info.Uuid,
        IvgenHashAlg = info.IvgenHashAlg,
        CipherMode = info.CipherMode,
        Slots = info.Slots,
        PayloadOffset = info.PayloadOffset,
        MasterKeyIters = info.MasterKeyIters,
    };
}
