// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Qmp;

namespace BlockHost.Core.Block.Opening;

/// <summary>Options of a driver against their type, before the driver sees them.</summary>
internal static class OptionsCheck
{
    /// <exception cref="QmpException">A member is unknown, missing or of the wrong type; QEMU's texts.</exception>
    /// <param name="unexpected">The text for a member that is not known.</param>
    public static void Validate(JsonTypeInfo type, JsonElement options, Func<string, string>? unexpected = null)
    {
        var known = type.Properties;
        foreach (var member in options.EnumerateObject())
        {
            if (!known.Any(property => property.Name == member.Name))
                throw new QmpException(unexpected?.Invoke(member.Name) ?? $"Parameter '{member.Name}' is unexpected");
        }

        foreach (var property in known)
        {
            if (property.IsRequired && !options.TryGetProperty(property.Name, out _))
                throw new QmpException($"Parameter '{property.Name}' is missing");
        }

        try
        {
            options.Deserialize(type.Deep());
        }
        catch (JsonException e)
        {
            throw new QmpException(QmpErrorClass.GenericError, Describe(options, e), e);
        }
    }

    /// <summary>As tools that open images by name say it, whose options no schema has seen.</summary>
    public static string NotSupported(BlockDriver driver, string option) => driver.Kind == BlockDriverKind.Protocol
        ? $"Block protocol '{driver.FormatName}' doesn't support the option '{option}'"
        : $"Block format '{driver.FormatName}' does not support the option '{option}'";

    private static string Describe(JsonElement options, JsonException mistake)
    {
        var path = mistake.Path?.TrimStart('$', '.') ?? "";
        var value = options;
        foreach (var step in path.Split('.'))
        {
            if (value.ValueKind != JsonValueKind.Object || !value.TryGetProperty(step, out value))
                return $"Invalid parameter '{path}': {mistake.Message}";
        }

        // Numbers and the like are of their types when they come from a schema; only names of choices can be unknown.
        return value.ValueKind == JsonValueKind.String
            ? $"Parameter '{path}' does not accept value '{value.GetString()}'"
            : $"Invalid parameter '{path}': {mistake.Message}";
    }
}
