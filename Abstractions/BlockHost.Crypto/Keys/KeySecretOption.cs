// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;

namespace BlockHost.Crypto.Keys;

/// <summary>"encrypt" of qcow images: command lines name a secret only, and leave the format to the image.</summary>
public static class KeySecretOption
{
    /// <returns>With "encrypt-key-secret" in place of an "encrypt" without format.</returns>
    public static JsonElement Modernise(JsonElement options, JsonTypeInfo<JsonObject> type)
    {
        if (!options.TryGetProperty("encrypt", out var encrypt) || encrypt.ValueKind != JsonValueKind.Object
            || encrypt.TryGetProperty("format", out _) || !encrypt.TryGetProperty("key-secret", out var secret)
            || encrypt.EnumerateObject().Count() != 1)
            return options;
        var modern = JsonObject.Create(options)!;
        modern.Remove("encrypt");
        modern["encrypt-key-secret"] = JsonValue.Create(secret);
        return JsonSerializer.SerializeToElement(modern, type);
    }
}
