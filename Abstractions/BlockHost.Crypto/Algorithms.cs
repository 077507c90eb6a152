// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Qmp;

namespace BlockHost.Crypto;

/// <summary>QAPI QCryptoCipherAlgorithm; all but AES are known by name only.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<CipherAlgorithm>))]
[QapiName("QCryptoCipherAlgorithm")]
public enum CipherAlgorithm
{
    [JsonStringEnumMemberName("aes-128")]
    Aes128 = 0,

    [JsonStringEnumMemberName("aes-192")]
    Aes192 = 1,

    [JsonStringEnumMemberName("aes-256")]
    Aes256 = 2,

    [JsonStringEnumMemberName("des")]
    Des = 3,

    [JsonStringEnumMemberName("3des")]
    TripleDes = 4,

    [JsonStringEnumMemberName("cast5-128")]
    Cast5 = 5,

    [JsonStringEnumMemberName("serpent-128")]
    Serpent128 = 6,

    [JsonStringEnumMemberName("serpent-192")]
    Serpent192 = 7,

    [JsonStringEnumMemberName("serpent-256")]
    Serpent256 = 8,

    [JsonStringEnumMemberName("twofish-128")]
    Twofish128 = 9,

    [JsonStringEnumMemberName("twofish-192")]
    Twofish192 = 10,

    [JsonStringEnumMemberName("twofish-256")]
    Twofish256 = 11,
}

/// <summary>QAPI QCryptoCipherMode: how the blocks of a sector depend on each other.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<CipherMode>))]
[QapiName("QCryptoCipherMode")]
public enum CipherMode
{
    [JsonStringEnumMemberName("ecb")]
    Ecb = 0,

    [JsonStringEnumMemberName("cbc")]
    Cbc = 1,

    [JsonStringEnumMemberName("xts")]
    Xts = 2,

    [JsonStringEnumMemberName("ctr")]
    Ctr = 3,
}

/// <summary>QAPI QCryptoIVGenAlgorithm: what makes two equal sectors differ.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<IvGeneratorAlgorithm>))]
[QapiName("QCryptoIVGenAlgorithm")]
public enum IvGeneratorAlgorithm
{
    /// <summary>The sector's number, of 32 bits.</summary>
    [JsonStringEnumMemberName("plain")]
    Plain = 0,

    /// <summary>The sector's number.</summary>
    [JsonStringEnumMemberName("plain64")]
    Plain64 = 1,

    /// <summary>The sector's number, encrypted with a hash of the key.</summary>
    [JsonStringEnumMemberName("essiv")]
    Essiv = 2,
}

/// <summary>QAPI QCryptoHashAlgorithm; SHA-224 and RIPEMD-160 are known by name only.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<DigestAlgorithm>))]
[QapiName("QCryptoHashAlgorithm")]
public enum DigestAlgorithm
{
    [JsonStringEnumMemberName("md5")]
    Md5 = 0,

    [JsonStringEnumMemberName("sha1")]
    Sha1 = 1,

    [JsonStringEnumMemberName("sha224")]
    Sha224 = 2,

    [JsonStringEnumMemberName("sha256")]
    Sha256 = 3,

    [JsonStringEnumMemberName("sha384")]
    Sha384 = 4,

    [JsonStringEnumMemberName("sha512")]
    Sha512 = 5,

    [JsonStringEnumMemberName("ripemd160")]
    Ripemd160 = 6,
}
