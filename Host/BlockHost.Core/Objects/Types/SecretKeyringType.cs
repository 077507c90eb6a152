// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Objects;
using BlockHost.Posix;
using BlockHost.Qmp;

namespace BlockHost.Core.Objects.Types;

internal sealed record SecretKeyringOptions
{
    [QapiFeature("deprecated")]
    public bool? Loaded { get; init; }

    public SecretFormat? Format { get; init; }

    /// <summary>Secret that holds the AES-256 key of this one.</summary>
    public string? Keyid { get; init; }

    /// <summary>Initialisation vector, base64.</summary>
    public string? Iv { get; init; }

    /// <summary>Number of a key that the kernel keeps.</summary>
    public required int Serial { get; init; }
}

/// <summary>"secret_keyring": a key in the Linux kernel's keyrings (keyctl(2), KEYCTL_READ).</summary>
internal sealed class SecretKeyringType : ObjectType<SecretKeyringOptions>
{
    public override string Name => "secret_keyring";

    public override string Parent => "secret_common";

    protected override JsonTypeInfo<SecretKeyringOptions> TypedOptionsType => ObjectsJson.Default.SecretKeyringOptions;

    protected override UserObject Create(IObjectContext context, SecretKeyringOptions options)
    {
        if (options.Serial == 0)
            throw new QmpException("'serial' should not be equal to 0");
        var data = SecretDecoding.Decode(
            ReadKey(options.Serial), options.Format, options.Keyid, options.Iv, context.Host.Objects);
        return new Secret<SecretKeyringOptions>(Name, data, TypedOptionsType, Shown(options));
    }

    private static SecretKeyringOptions Shown(SecretKeyringOptions options) => options with
    {
        Loaded = true,
        Format = options.Format ?? SecretFormat.Raw,
        Keyid = options.Keyid ?? "",
        Iv = options.Iv ?? "",
    };

    private static byte[] ReadKey(int serial)
    {
        try
        {
            return KernelKeys.ReadKey(serial);
        }
        catch (BlockException e)
        {
            throw new QmpException($"Unable to read serial key {serial:x8}: {e.Message}");
        }
    }
}
