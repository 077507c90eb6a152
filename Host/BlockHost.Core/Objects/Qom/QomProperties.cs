// SPDX-License-Identifier: MIT
using System.Reflection;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Objects;
using BlockHost.Qmp;

namespace BlockHost.Core.Objects.Qom;

/// <summary>The properties of object types, from their options.</summary>
internal static class QomProperties
{
    public static ObjectPropertyInfo Type { get; } = new("type", "string");

    public static IEnumerable<ObjectPropertyInfo> Of(ObjectType type) => Of(type.OptionsType).Prepend(Type);

    public static IEnumerable<ObjectPropertyInfo> Of(JsonTypeInfo options) =>
        options.Properties.Select(option => new ObjectPropertyInfo(option.Name, TypeName(option)));

    public static bool Has(ObjectType type, string property) =>
        type.OptionsType.Properties.Any(option => option.Name == property);

    private static string TypeName(JsonPropertyInfo option)
    {
        var info = option.Options.GetTypeInfo(option.PropertyType);
        var type = info.ElementType ?? info.Type;
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type == typeof(string))
            return "string";
        if (type == typeof(bool))
            return "bool";
        return type.IsPrimitive ? "int" : type.GetCustomAttribute<QapiNameAttribute>()?.Name ?? type.Name;
    }
}
