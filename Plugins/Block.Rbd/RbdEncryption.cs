// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Crypto;

namespace BlockHost.Plugins.Block.Rbd;

/// <summary>QAPI RbdImageEncryptionFormat.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<RbdImageEncryptionFormat>))]
public enum RbdImageEncryptionFormat
{
    [JsonStringEnumMemberName("luks")]
    Luks = 0,

    [JsonStringEnumMemberName("luks2")]
    Luks2 = 1,
}

/// <summary>QAPI RbdEncryptionOptions, by "format".</summary>
[JsonPolymorphic(
    TypeDiscriminatorPropertyName = "format", UnknownDerivedTypeHandling = JsonUnknownDerivedTypeHandling.FailSerialization)]
[JsonDerivedType(typeof(RbdLuksKey), "luks")]
[JsonDerivedType(typeof(RbdLuks2Key), "luks2")]
public abstract record RbdEncryptionOptions
{
    internal string Secret => this is RbdLuksKey luks ? luks.KeySecret : ((RbdLuks2Key)this).KeySecret;
}

public sealed record RbdLuksKey : RbdEncryptionOptions
{
    /// <summary>Id of the secret with the passphrase.</summary>
    public required string KeySecret { get; init; }
}

public sealed record RbdLuks2Key : RbdEncryptionOptions
{
    /// <summary>Id of the secret with the passphrase.</summary>
    public required string KeySecret { get; init; }
}

/// <summary>QAPI RbdEncryptionCreateOptions, by "format".</summary>
[JsonPolymorphic(
    TypeDiscriminatorPropertyName = "format", UnknownDerivedTypeHandling = JsonUnknownDerivedTypeHandling.FailSerialization)]
[JsonDerivedType(typeof(RbdLuksCreation), "luks")]
[JsonDerivedType(typeof(RbdLuks2Creation), "luks2")]
public abstract record RbdEncryptionCreateOptions
{
    internal string Secret => this is RbdLuksCreation luks ? luks.KeySecret : ((RbdLuks2Creation)this).KeySecret;

    internal CipherAlgorithm? Cipher => this is RbdLuksCreation luks ? luks.CipherAlg : ((RbdLuks2Creation)this).CipherAlg;
}

public sealed record RbdLuksCreation : RbdEncryptionCreateOptions
{
    /// <summary>Id of the secret with the passphrase.</summary>
    public required string KeySecret { get; init; }

    /// <summary>aes-128 or aes-256. Default: aes-256.</summary>
    public CipherAlgorithm? CipherAlg { get; init; }
}

public sealed record RbdLuks2Creation : RbdEncryptionCreateOptions
{
    /// <summary>Id of the secret with the passphrase.</summary>
    public required string KeySecret { get; init; }

    /// <summary>aes-128 or aes-256. Default: aes-256.</summary>
    public CipherAlgorithm? CipherAlg { get; init; }
}

/// <summary>QAPI BlockdevCreateOptionsRbd.</summary>
public sealed record RbdCreateOptions
{
    public required RbdOptions Location { get; init; }

    /// <summary>Bytes of the disk; what encryption takes comes on top.</summary>
    public required ulong Size { get; init; }

    /// <summary>Bytes of the objects that the image is stored in, a power of two from 4096 on. Default: the cluster's.</summary>
    public ulong? ClusterSize { get; init; }

    public RbdEncryptionCreateOptions? Encrypt { get; init; }
}
