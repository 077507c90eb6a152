// SPDX-License-Identifier: MIT
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Qmp;

namespace BlockHost.Core.Qapi;

/// <summary>
/// Derives schema types from serializer metadata. What comes from a plugin's metadata is held only as long as that
/// metadata lives, so that a plugin can be unloaded.
/// </summary>
public sealed class QapiTypes
{
    private readonly ConditionalWeakTable<JsonTypeInfo, QapiType> _types = [];
    private readonly Lock _gate = new();

    /// <summary>The object without members: what a command without arguments takes and answers.</summary>
    public static QapiObjectType Empty { get; } = new();

    public static QapiScalarType String { get; } = new(QapiScalar.String);

    public static QapiScalarType Boolean { get; } = new(QapiScalar.Boolean);

    public static QapiScalarType Number { get; } = new(QapiScalar.Number);

    public static QapiScalarType Any { get; } = new(QapiScalar.Any);

    public static QapiScalarType Null { get; } = new(QapiScalar.Null);

    public static QapiIntegerType Int64 { get; } = new("integer", signed: true, 64);

    public static QapiIntegerType UInt64 { get; } = new("uint64", signed: false, 64);

    private static QapiIntegerType Int32 { get; } = new("int32_t", signed: true, 32);

    private static QapiIntegerType Int16 { get; } = new("int16_t", signed: true, 16);

    private static QapiIntegerType Int8 { get; } = new("int8_t", signed: true, 8);

    private static QapiIntegerType UInt32 { get; } = new("uint32_t", signed: false, 32);

    private static QapiIntegerType UInt16 { get; } = new("uint16_t", signed: false, 16);

    private static QapiIntegerType UInt8 { get; } = new("uint8_t", signed: false, 8);

    public QapiType Get(JsonTypeInfo info)
    {
        if (_types.TryGetValue(info, out var known))
            return known;
        lock (_gate)
            return Build(info);
    }

    /// <summary>The object type of a command's arguments, an event's data, or a branch of a union.</summary>
    /// <exception cref="ArgumentException">The metadata is of something else than an object.</exception>
    public QapiObjectType GetObject(JsonTypeInfo? info) =>
        info is null ? Empty
        : Get(info) as QapiObjectType ?? throw new ArgumentException($"{info.Type} is no object type", nameof(info));

    private QapiType Build(JsonTypeInfo info)
    {
        if (_types.TryGetValue(info, out var known))
            return known;
        var type = Nullable.GetUnderlyingType(info.Type) ?? info.Type;
        return Scalar(type)
            ?? (QapiType?)Extensible(type)
            ?? Alternate(info, type)
            ?? (type.IsEnum ? Keep(info, Enumeration(info, type)) : null)
            ?? info.Kind switch
            {
                JsonTypeInfoKind.Enumerable when info.ElementType is { } element =>
                    Keep(info, new QapiArrayType(Build(info.Options.GetTypeInfo(element)))),
                JsonTypeInfoKind.Object => Object(info),
                _ => Any,
            };
    }

    private T Keep<T>(JsonTypeInfo info, T type)
        where T : QapiType
    {
        _types.AddOrUpdate(info, type);
        return type;
    }

    private static QapiType? Scalar(Type type) => Type.GetTypeCode(type) switch
    {
        _ when type.IsEnum => null,
        TypeCode.String or TypeCode.Char => String,
        TypeCode.Boolean => Boolean,
        TypeCode.Double or TypeCode.Single or TypeCode.Decimal => Number,
        TypeCode.Int64 => Int64,
        TypeCode.Int32 => Int32,
        TypeCode.Int16 => Int16,
        TypeCode.SByte => Int8,
        TypeCode.UInt64 => UInt64,
        TypeCode.UInt32 => UInt32,
        TypeCode.UInt16 => UInt16,
        TypeCode.Byte => UInt8,
        _ => type == typeof(JsonElement) || type == typeof(object) || typeof(JsonNode).IsAssignableFrom(type) ? Any : null,
    };

    private static QapiExtensibleType? Extensible(MemberInfo type) =>
        type.GetCustomAttribute<QapiExtensibleAttribute>() is { } extensible
            ? new QapiExtensibleType(extensible.Extension)
            : null;

    private QapiAlternateType? Alternate(JsonTypeInfo info, Type type)
    {
        if (type.GetCustomAttribute<QapiAlternateAttribute>() is not { } alternate)
            return null;
        var result = Keep(info, new QapiAlternateType(type.Name) { Features = QapiFeatures.Of(type) });
        result.Branches = [.. alternate.Branches.Select(
            branch => branch == typeof(void) ? Null : Build(info.Options.GetTypeInfo(branch)))];
        return result;
    }

    private static QapiType Enumeration(JsonTypeInfo info, Type type)
    {
        var values = new List<QapiEnumValue>();
        foreach (var number in Enum.GetValuesAsUnderlyingType(type))
        {
            var value = JsonSerializer.SerializeToElement(Enum.ToObject(type, number), info.Options.GetTypeInfo(type));
            if (value.ValueKind != JsonValueKind.String)
                return Int64;
            values.Add(new QapiEnumValue(value.GetString()!, QapiFeatures.OfEnumValue(type, number)));
        }

        return new QapiEnumType(values) { Features = QapiFeatures.Of(type) };
    }

    private QapiObjectType Object(JsonTypeInfo info)
    {
        var result = Keep(info, new QapiObjectType { Features = QapiFeatures.Of(info.Type) });
        var members = Members(info, except: null);
        if (info.PolymorphismOptions is not { DerivedTypes.Count: > 0 } union)
        {
            result.Members = members;
            return result;
        }

        var tag = union.TypeDiscriminatorPropertyName;
        var branches = union.DerivedTypes.Where(derived => derived.TypeDiscriminator is string).ToList();
        var tagType = new QapiEnumType(
            [.. branches.Select(derived => new QapiEnumValue((string)derived.TypeDiscriminator!, []))]);
        result.Tag = tag;
        result.Members = [new QapiMember(tag, tagType, Optional: false, []), .. members.Where(member => member.Name != tag)];
        var common = result.Members.Select(member => member.Name).ToHashSet();
        result.Variants = [.. branches.Select(derived => Variant(info, derived, common))];
        return result;
    }

    private QapiVariant Variant(JsonTypeInfo union, JsonDerivedType derived, HashSet<string> common)
    {
        var info = union.Options.GetTypeInfo(derived.DerivedType);
        var members = Members(info, common);
        return new QapiVariant(
            (string)derived.TypeDiscriminator!,
            members.Count == 0 ? Empty : new QapiObjectType { Members = members, Features = QapiFeatures.Of(info.Type) });
    }

    private List<QapiMember> Members(JsonTypeInfo info, HashSet<string>? except) =>
        [.. info.Properties
            .Where(
                property =>
                    !property.IsExtensionData && (property.Get ?? (object?)property.Set) is not null
                        && except?.Contains(property.Name) != true)
            .Select(Member)];

    private QapiMember Member(JsonPropertyInfo property)
    {
        var required = property.IsRequired
            || property.AssociatedParameter is { IsMemberInitializer: false, HasDefaultValue: false, IsNullable: false };
        var attributes = property.AttributeProvider;
        var extensible = attributes?.GetCustomAttributes(typeof(QapiExtensibleAttribute), inherit: true)
            .OfType<QapiExtensibleAttribute>().FirstOrDefault();
        var type = extensible is null
            ? Build(property.Options.GetTypeInfo(property.PropertyType))
            : new QapiExtensibleType(extensible.Extension);
        var legacy = attributes?.IsDefined(typeof(QapiLegacyAttribute), inherit: true) ?? false;
        return new QapiMember(property.Name, type, !required, QapiFeatures.Of(attributes)) { IsLegacy = legacy };
    }
}
