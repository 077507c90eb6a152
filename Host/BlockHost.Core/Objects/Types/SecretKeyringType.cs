// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Objects;
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

/// <summary>A secret that was read from the kernel when the object was made.</summary>
internal sealed class KeyringSecret(byte[] data, SecretKeyringOptions options)
    : UserObject<SecretKeyringOptions>(ObjectsJson.Default.SecretKeyringOptions), ISecret
{
    public ReadOnlyMemory<byte> Data => data;

    protected override SecretKeyringOptions Properties { get; } = options with
    {
        Loaded = true,
        Format = options.Format ?? SecretFormat.Raw,
        Keyid = options.Keyid ?? "",
        Iv = options.Iv ?? "",
    };

    public override ValueTask DisposeAsync()
    {
        CryptographicOperations.ZeroMemory(data);
        return ValueTask.CompletedTask;
    }

    public override string ToString() => "secret_keyring";
}

/// <summary>"secret_keyring": a key in the Linux kernel's keyrings (keyctl(2), KEYCTL_READ).</summary>
internal sealed partial class SecretKeyringType : ObjectType<SecretKeyringOptions>
{
    private const int Read = 11;

    public override string Name => "secret_keyring";

    public override string Parent => "secret_common";

    protected override JsonTypeInfo<SecretKeyringOptions> TypedOptionsType => ObjectsJson.Default.SecretKeyringOptions;

    protected override UserObject Create(IObjectContext context, SecretKeyringOptions options)
    {
        if (options.Serial == 0)
            throw new QmpException("'serial' should not be equal to 0");
        var data = SecretDecoding.Decode(
            ReadKey(options.Serial), options.Format, options.Keyid, options.Iv, context.Host.Objects);
        return new KeyringSecret(data, options);
    }

    /// <summary>It may be replaced by a longer one between asking for its length and reading it.</summary>
    private static byte[] ReadKey(int serial)
    {
        var call = ReadCall;
        for (var buffer = Array.Empty<byte>(); call is { } number;)
        {
            var length = KeyControl(number, Read, serial, buffer, (nuint)buffer.Length);
            if (length < 0)
                throw Unreadable(serial, Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError()));
            if (length <= buffer.Length)
                return Exactly(buffer, (int)length);
            CryptographicOperations.ZeroMemory(buffer);
            buffer = GC.AllocateArray<byte>((int)length, pinned: true);
        }

        throw Unreadable(serial, "Function not implemented");
    }

    private static byte[] Exactly(byte[] buffer, int length)
    {
        if (buffer.Length == length)
            return buffer;
        var key = buffer[..length];
        CryptographicOperations.ZeroMemory(buffer);
        return key;
    }

    private static QmpException Unreadable(int serial, string reason) =>
        new($"Unable to read serial key {serial:x8}: {reason}");

    /// <summary>The number of keyctl among the system calls; null: not this system's.</summary>
    private static nint? ReadCall => !OperatingSystem.IsLinux() ? null : RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => 250,
        Architecture.Arm64 or Architecture.RiscV64 or Architecture.LoongArch64 => 219,
        _ => null,
    };

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint KeyControl(nint call, nint operation, nint serial, [Out] byte[] buffer, nuint length);
}
