// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Rbd.Naming;

/// <summary>
/// Command lines and json: names may say "filename" in place of all that is in it, and "password-secret" in place of
/// "key-secret". No schema has these.
/// </summary>
internal static class RbdOptionText
{
    /// <summary>Has what a file name has beside the schema's options.</summary>
    public const string KeyValuePairs = "keyvalue-pairs";

    private const string FileName = "filename";
    private const string PasswordSecret = "password-secret";
    private const string KeySecret = "key-secret";

    /// <exception cref="BlockException">They contradict one another; QEMU's texts.</exception>
    public static JsonElement Modernise(JsonElement options)
    {
        if (options.TryGetProperty(FileName, out var name))
            options = WithFileName(options, name.ToString());
        if (!options.TryGetProperty(PasswordSecret, out var secret))
            return options;
        if (options.TryGetProperty(KeySecret, out _))
            throw new BlockException(
                BlockErrorKind.InvalidArgument, "Legacy 'password-secret' clashes with 'key-secret'");
        return QmpJson.WriteObject(writer =>
        {
            writer.WriteString(KeySecret, secret.ToString());
            WriteAllBut(writer, options, PasswordSecret);
        });
    }

    /// <summary>What stands beside the name counts more than what is in it.</summary>
    private static JsonElement WithFileName(JsonElement options, string name) => QmpJson.WriteObject(writer =>
    {
        foreach (var member in RbdFileName.Parse(name).EnumerateObject())
        {
            if (!options.TryGetProperty(member.Name, out _))
                member.WriteTo(writer);
        }

        WriteAllBut(writer, options, FileName);
    });

    private static void WriteAllBut(Utf8JsonWriter writer, JsonElement options, string left)
    {
        foreach (var member in options.EnumerateObject().Where(member => member.Name != left))
            member.WriteTo(writer);
    }
}
