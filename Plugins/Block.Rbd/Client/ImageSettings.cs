// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Objects;
using BlockHost.Plugins.Block.Rbd.Native;

namespace BlockHost.Plugins.Block.Rbd.Client;

/// <summary>Which image, where, and with which keys. It prints none of them.</summary>
internal sealed class ImageSettings
{
    /// <summary>In the names of options that say where Ceph writes files, or which libraries it loads.</summary>
    private static readonly string[] ReachesFurther = ["log_file", "_socket", "_dir", "plugin", "_path", "pid_file", "_dump"];

    public required string Pool { get; init; }

    public required string Namespace { get; init; }

    public required string Image { get; init; }

    public string? Snapshot { get; init; }

    public string? ConfigurationFile { get; init; }

    public string? User { get; init; }

    /// <summary>Options of Ceph's, in the order in which they are set.</summary>
    public required IReadOnlyList<(string Name, string Value)> CephOptions { get; init; }

    /// <summary>The user's key, as Ceph keeps it in memory: no text.</summary>
    public ReadOnlyMemory<byte>? Key { get; init; }

    public ImageKey? Encryption { get; init; }

    /// <exception cref="BlockException">An option is wrong, or a secret is missing; QEMU's texts.</exception>
    public static ImageSettings From(RbdOptions options, IUserObjects objects) => new()
    {
        Pool = Checked("pool", options.Pool),
        Namespace = Checked("namespace", options.Namespace ?? ""),
        Image = Checked("image", options.Image),
        Snapshot = options.Snapshot is { } snapshot ? Checked("snapshot", snapshot) : null,
        ConfigurationFile = options.Conf is { } file ? Checked("conf", file) : null,
        User = options.User is { } user ? Checked("user", user) : null,
        CephOptions = [.. Pairs(options.KeyValuePairs)],
        Monitors = options.Server is { Count: > 0 } monitors ? string.Join(';', monitors.Select(Address)) : null,
        AuthModes = options.AuthClientRequired is { Count: > 0 } modes
            ? string.Join(';', modes.Select(mode => mode == RbdAuthMode.Cephx ? "cephx" : "none"))
            : null,
        Key = options.KeySecret is { } id ? CephKey.Of(Secret(id, objects)) : null,
        Encryption = options.Encrypt is { } encrypt
            ? new ImageKey(
                encrypt is RbdLuksKey ? EncryptionFormat.Luks1 : EncryptionFormat.Luks2, Secret(encrypt.Secret, objects))
            : null,
    };

    /// <summary>As Ceph's option "mon_host" has them.</summary>
    public string? Monitors { get; private init; }

    /// <summary>As Ceph's option "auth_client_required" has them.</summary>
    public string? AuthModes { get; private init; }

    /// <exception cref="BlockException">There is no such secret; QEMU's words.</exception>
    public static ReadOnlyMemory<byte> Secret(string id, IUserObjects objects) => objects.TryGet<ISecret>(id, out var secret)
        ? secret.Data
        : throw new BlockException(
            BlockErrorKind.InvalidArgument,
            objects.TryGet<object>(id, out _) ? $"Object with id '{id}' is not a secret" : $"No secret with id '{id}'");

    /// <summary>What Ceph is told ends at the first zero: a name with one would be another name.</summary>
    public static string Checked(string option, string value) => value.Contains('\0')
        ? throw new BlockException(ParameterFault.OutOfRange(option, "a name without zero bytes"))
        : value;

    private static IEnumerable<(string Name, string Value)> Pairs(string? json)
    {
        if (json is null)
            yield break;
        var texts = Parse(json);
        if (texts.Length % 2 != 0)
            throw NoPairs(null);
        for (var i = 0; i < texts.Length; i += 2)
            yield return (Harmless(Checked("conf option", texts[i])), Checked("conf option", texts[i + 1]));
    }

    /// <summary>
    /// An image may name the file below it, with options of Ceph's: such a name does not have files written, or code loaded. Ceph
    /// takes blanks and hyphens in a name for underlines.
    /// </summary>
    private static string Harmless(string option)
    {
        var name = option.Replace('-', '_').Replace(' ', '_').ToLowerInvariant();
        return ReachesFurther.Any(part => name.Contains(part, StringComparison.Ordinal))
            ? throw new BlockException(
                BlockErrorKind.PermissionDenied,
                $"conf option {option} is not taken from a file name, but from a configuration file")
            : option;
    }

    private static string[] Parse(string json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, RbdJson.Default.StringArray) is { } texts && !texts.Contains(null)
                ? texts
                : throw NoPairs(null);
        }
        catch (JsonException e)
        {
            throw NoPairs(e);
        }
    }

    /// <summary>The values may be keys: they are not shown.</summary>
    private static BlockException NoPairs(Exception? reason) => new(
        BlockErrorKind.InvalidArgument, "The options of Ceph's are no list of names and values", innerException: reason);

    private static string Address(InetSocketAddressBase server)
    {
        var (host, port) = (Checked("server.host", server.Host), Checked("server.port", server.Port));
        return host.Contains(':', StringComparison.Ordinal) ? $"[{host}]:{port}" : $"{host}:{port}";
    }
}

/// <summary>What opens an encrypted image.</summary>
internal sealed class ImageKey(EncryptionFormat format, ReadOnlyMemory<byte> passphrase)
{
    public EncryptionFormat Format => format;

    public ReadOnlyMemory<byte> Passphrase => passphrase;
}
