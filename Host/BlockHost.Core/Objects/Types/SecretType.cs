// SPDX-License-Identifier: MIT
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

/// <summary>
/// "secret": given in place or in a file, raw or base64, plain or encrypted with AES-256-CBC by another secret.
/// </summary>
internal sealed class SecretType : ObjectType<SecretOptions>
{
    public override string Name => "secret";

    public override string Parent => "secret_common";

    protected override JsonTypeInfo<SecretOptions> TypedOptionsType => ObjectsJson.Default.SecretOptions;

    protected override UserObject Create(IObjectContext context, SecretOptions options)
    {
        var input = ReadInput(options);
        var data = SecretDecoding.Decode(input, options.Format, options.Keyid, options.Iv, context.Host.Objects);
        return new Secret<SecretOptions>(Name, data, TypedOptionsType, Shown(options));
    }

    /// <summary>What queries show: QEMU's would show "data" as well.</summary>
    private static SecretOptions Shown(SecretOptions options) => options with
    {
        Loaded = true,
        Format = options.Format ?? SecretFormat.Raw,
        Keyid = options.Keyid ?? "",
        Iv = options.Iv ?? "",
        Data = null,
        File = options.File ?? "",
    };

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
}
