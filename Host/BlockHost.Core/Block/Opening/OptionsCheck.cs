// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Qmp;

namespace BlockHost.Core.Block.Opening;

/// <summary>Options of a driver against their type, before the driver sees them.</summary>
internal static class OptionsCheck
{
    /// <exception cref="QmpException">A member is unknown, missing or of the wrong type; QEMU's texts.</exception>
    public static void Validate(JsonTypeInfo type, JsonElement options)
    {
        var known = type.Properties;
        foreach (var member in options.EnumerateObject())
        {
            if (!known.Any(property => property.Name == member.Name))
                throw new QmpException($"Parameter '{member.Name}' is unexpected");
        }

        foreach (var property in known)
        {
            if (property.IsRequired && !options.TryGetProperty(property.Name, out _))
                throw new QmpException($"Parameter '{property.Name}' is missing");
        }

        try
        {
            options.Deserialize(type);
        }
        catch (JsonException e)
        {
            throw new QmpException(QmpErrorClass.GenericError, $"Invalid parameter '{e.Path?.TrimStart('$', '.')}': {e.Message}", e);
        }
    }
}
