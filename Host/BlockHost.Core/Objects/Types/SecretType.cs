// SPDX-License-Identifier: MIT
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Objects;
using BlockHost.Qmp;

namespace BlockHost.Core.Objects.Types;

[JsonConverter(typeof(JsonStringEnumConverter<SecretFormat>))]
[QapiName("QCryptoSecretFormat")]
internal enum SecretFormat
{
    [JsonStringEnumMemberName("raw")]
    Raw = 0,

    [JsonStringEnumMemberName("base64")]
    Base64 = 1,
}

internal sealed record SecretOptions
{
    [QapiFeature("deprecated")]
    public bool? Loaded { get; init; }

    public SecretFormat? Format { get; init; }

    /// <summary>Secret that holds the AES-256 key of this one.</summary>
    public string? Keyid { get; init; }

    /// <summary>Initialisation vector, base64.</summary>
    public string? Iv { get; init; }

    public string? Data { get; init; }

    public string? File { get; init; }
}

/// <summary>A secret's bytes; they never appear in messages or logs.</summary>
internal sealed class Secret(
    byte[] data, SecretOptions options) : UserObject<SecretOptions>(ObjectsJson.Default.SecretOptions), ISecret
{
    public ReadOnlyMemory<byte> Data => data;

    /// <summary>What queries show: QEMU's would show "data" as well.</summary>
    protected override SecretOptions Properties { get; } = new()
    {
        Loaded = true,
        Format = options.Format ?? SecretFormat.Raw,
        Keyid = options.Keyid ?? "",
        Iv = options.Iv ?? "",
        File = options.File ?? "",
    };

    public override ValueTask DisposeAsync()
    {
        CryptographicOperations.ZeroMemory(data);
        return ValueTask.CompletedTask;
    }

    public override string ToString() => "secret";
}

/// <summary>
/// "secret": given in place or in a file, raw or base64, plain or encrypted with AES-256-CBC by another secret.
/// </summary>
internal sealed class SecretType : ObjectType<SecretOptions>
{
    private const int KeyBytes = 32;
    private const int BlockBytes = 16;

    public override string Name => "secret";

    public override string Parent => "secret_common";

    protected override JsonTypeInfo<SecretOptions> TypedOptionsType => ObjectsJson.Default.SecretOptions;

    protected override UserObject Create(IObjectContext context, SecretOptions options)
    {
        var input = ReadInput(options);
        if (options.Keyid is { } keyId)
            return new Secret(Decrypt(input, options, Key(keyId, context.Host.Objects)), options);
        return new Secret(options.Format is SecretFormat.Base64 ? FromBase64(input) : input, options);
    }

    private static byte[] ReadInput(SecretOptions options) => options switch
    {
        { File: not null, Data: not null } => throw new QmpException("'file' and 'data' are mutually exclusive"),
        { File: { } file } => ReadFile(file),
        { Data: { } data } => Encoding.UTF8.GetBytes(data),
        _ => throw new QmpException("Either 'file' or 'data' must be provided"),
    };

    private static byte[] ReadFile(string file)
    {
        try
        {
            return File.ReadAllBytes(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new QmpException($"Unable to read {file}: Failed to open file “{file}”: {FileErrors.Describe(e)}");
        }
    }

    private static byte[] FromBase64(ReadOnlySpan<byte> text)
    {
        try
        {
            return Convert.FromBase64String(Encoding.ASCII.GetString(text));
        }
        catch (FormatException)
        {
            throw new QmpException("Base64 data contains invalid characters");
        }
    }

    private static byte[] Key(string keyId, IUserObjects others)
    {
        if (!others.TryGet<ISecret>(keyId, out var secret))
            throw new QmpException($"No secret with id '{keyId}'");
        return secret.Data.Length == KeyBytes
            ? secret.Data.ToArray()
            : throw new QmpException("Key should be 32 bytes in length");
    }

    // An encrypted secret is base64 unless the file holds it raw; QEMU decodes by "format" as well.
    private static byte[] Decrypt(byte[] input, SecretOptions options, byte[] key)
    {
        if (options.Iv is null)
            throw new QmpException("IV is required to decrypt secret");
        var iv = FromBase64(Encoding.UTF8.GetBytes(options.Iv));
        if (iv.Length != BlockBytes)
            throw new QmpException($"IV should be 16 bytes in length not {iv.Length}");
        var cipherText = options.Format is SecretFormat.Base64 ? FromBase64(input) : input;
        if (cipherText.Length == 0 || cipherText.Length % BlockBytes != 0)
            throw new QmpException($"Length {cipherText.Length} must be a multiple of block size 16");

        using var aes = Aes.Create();
        aes.Key = key;
        try
        {
            return aes.DecryptCbc(cipherText, iv);
        }
        catch (CryptographicException)
        {
            throw new QmpException("Incorrect number of padding bytes found on decrypted data");
        }
    }
}
