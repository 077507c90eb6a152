// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Qmp;

namespace BlockHost.Remote.Options;

/// <summary>What these drivers have in common in names and options.</summary>
public static class CurlUrl
{
    /// <summary>Options that change what a reader sees.</summary>
    public static IReadOnlyList<string> StrongOptions { get; } = [
        "url", "sslverify", "cookie", "cookie-secret", "username", "password-secret", "proxy-username", "proxy-password-secret"];

    /// <summary>The options that a file name stands for.</summary>
    public static JsonElement Of(string fileName) => QmpJson.WriteObject(writer => writer.WriteString("url", fileName));

    /// <exception cref="BlockException">There is no "url".</exception>
    public static JsonElement Require(JsonElement options) => options.TryGetProperty("url", out _)
        ? options
        : throw new BlockException(BlockErrorKind.InvalidArgument, "curl block driver requires an 'url' option");

    /// <summary>The name that opens the node again; null where it takes options to.</summary>
    public static string? FileName(JsonElement options) =>
        StrongOptions.Any(name => name != "url" && options.TryGetProperty(name, out var value) && !IsDefault(name, value))
            ? null
            : options.GetProperty("url").GetString();

    private static bool IsDefault(string name, JsonElement value) =>
        name == "sslverify" && value.ValueKind == JsonValueKind.True;
}
