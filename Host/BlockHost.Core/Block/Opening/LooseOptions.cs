// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Core.Text;
using BlockHost.Qmp;

namespace BlockHost.Core.Block.Opening;

/// <summary>
/// Options that no schema has seen, as json: names in headers and command lines give them: where the driver has a number or a
/// switch, its text will do ("512", "1.25M", "on").
/// </summary>
public static class LooseOptions
{
    private const string SizeHint =
        "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\nand exabytes, respectively.";

    /// <summary>The options with their values in the types that the driver has for them.</summary>
    /// <exception cref="BlockException">A text is not of its option's type; in the words of QEMU's tools.</exception>
    public static JsonElement Typed(JsonTypeInfo type, JsonElement options) =>
        options.EnumerateObject().Any(member => member.Value.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
            ? QmpJson.WriteObject(writer => WriteMembers(writer, type, options, ""))
            : options;

    /// <summary>Whether an option counts bytes, and so takes a unit.</summary>
    public static bool IsSize(string name) => name.EndsWith("size", StringComparison.Ordinal) || name is "offset";

    private static BlockException NoSize(string name) =>
        new(ParameterFault.OutOfRange(name, "a non-negative number below 2^64")) { Hint = SizeHint };

    private static void WriteMembers(Utf8JsonWriter writer, JsonTypeInfo type, JsonElement options, string prefix)
    {
        foreach (var member in options.EnumerateObject())
        {
            writer.WritePropertyName(member.Name);
            if (type.Properties.FirstOrDefault(property => property.Name == member.Name) is { } known)
                Write(
                    writer,
                    type,
                    Nullable.GetUnderlyingType(known.PropertyType) ?? known.PropertyType,
                    member.Value,
                    prefix + member.Name);
            else
                member.Value.WriteTo(writer);
        }
    }

    private static void Write(Utf8JsonWriter writer, JsonTypeInfo owner, Type wanted, JsonElement value, string name)
    {
        if (wanted == typeof(bool))
            writer.WriteBooleanValue(Switch(value, name));
        else if (wanted == typeof(long) || wanted == typeof(ulong) || wanted == typeof(int) || wanted == typeof(uint))
            WriteNumber(writer, value, name);
        else if (value.ValueKind == JsonValueKind.Object && owner.Options.TryGetTypeInfo(wanted, out var list)
            && list.Kind == JsonTypeInfoKind.Enumerable)
            WriteList(writer, ChildOptions.ListOf(value, name));
        else if (value.ValueKind == JsonValueKind.Object && ObjectType(owner, wanted) is { } nested)
            WriteNested(writer, nested, value, name);
        else
            value.WriteTo(writer);
    }

    private static void WriteList(Utf8JsonWriter writer, IReadOnlyList<JsonElement> items)
    {
        writer.WriteStartArray();
        foreach (var item in items)
            item.WriteTo(writer);
        writer.WriteEndArray();
    }

    private static void WriteNested(Utf8JsonWriter writer, JsonTypeInfo type, JsonElement value, string name)
    {
        writer.WriteStartObject();
        WriteMembers(writer, type, value, name + ".");
        writer.WriteEndObject();
    }

    /// <summary>
    /// The type of an object, or of the branch of an alternate that is one; null of what is read in another way.
    /// </summary>
    private static JsonTypeInfo? ObjectType(JsonTypeInfo owner, Type wanted)
    {
        var candidates = wanted.GetCustomAttribute<QapiAlternateAttribute>() is { } alternate ? alternate.Branches : [wanted];
        return candidates.Select(candidate => owner.Options.TryGetTypeInfo(candidate, out var info) ? info : null)
            .FirstOrDefault(info => info?.Kind == JsonTypeInfoKind.Object);
    }

    private static bool Switch(JsonElement value, string name) => value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.String when value.ValueEquals("on") => true,
        JsonValueKind.String when value.ValueEquals("off") => false,
        _ => throw new BlockException(ParameterFault.OutOfRange(name, "'on' or 'off'")),
    };

    private static void WriteNumber(Utf8JsonWriter writer, JsonElement value, string name)
    {
        if (value.ValueKind == JsonValueKind.Number && (value.TryGetInt64(out _) || value.TryGetUInt64(out _)))
        {
            value.WriteTo(writer);
            return;
        }

        var text = value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();
        if (IsSize(name))
            writer.WriteNumberValue(Math.Min(Size(text, name), long.MaxValue));
        else if (NumberText.TryParsePlain(text, out var number))
            writer.WriteRawValue(number.ToString(CultureInfo.InvariantCulture));
        else
            throw new BlockException(ParameterFault.OutOfRange(name, "a number"));
    }

    /// <exception cref="BlockException">It is no size.</exception>
    public static ulong Size(string text, string name) => SizeText.TryParseUnsigned(text, out var bytes) switch
    {
        SizeError.None => bytes,
        SizeError.OutOfRange =>
            throw new BlockException(BlockErrorKind.InvalidArgument, $"Value '{text}' is out of range for parameter '{name}'"),
        _ => throw NoSize(name),
    };
}
