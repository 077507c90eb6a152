// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace BlockHost.Crypto;

/// <summary>The names that algorithms have on the wire and in headers.</summary>
internal static class QapiNames
{
    public static string Of(CipherAlgorithm value) => Of(value, NamesJson.Default.CipherAlgorithm);

    public static string Of(CipherMode value) => Of(value, NamesJson.Default.CipherMode);

    public static string Of(IvGeneratorAlgorithm value) => Of(value, NamesJson.Default.IvGeneratorAlgorithm);

    public static string Of(DigestAlgorithm value) => Of(value, NamesJson.Default.DigestAlgorithm);

    public static CipherMode? FindMode(string name) => Find<CipherMode>(name, Of);

    public static IvGeneratorAlgorithm? FindIvGenerator(string name) => Find<IvGeneratorAlgorithm>(name, Of);

    public static DigestAlgorithm? FindDigest(string name) => Find<DigestAlgorithm>(name, Of);

    private static T? Find<T>(string name, Func<T, string> nameOf)
        where T : struct, Enum
    {
        foreach (var value in Enum.GetValues<T>())
        {
            if (nameOf(value) == name)
                return value;
        }

        return null;
    }

    private static string Of<T>(T value, JsonTypeInfo<T> type) => JsonSerializer.SerializeToElement(value, type).GetString()!;
}

[JsonSerializable(typeof(CipherAlgorithm))]
[JsonSerializable(typeof(CipherMode))]
[JsonSerializable(typeof(IvGeneratorAlgorithm))]
[JsonSerializable(typeof(DigestAlgorithm))]
internal sealed partial class NamesJson : JsonSerializerContext;
