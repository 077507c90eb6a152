// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Qmp;

namespace BlockHost.Core.Block.Opening;

/// <summary>Options of a driver against their type, before the driver sees them.</summary>
internal static class OptionsCheck
{
    /// <exception cref="BlockException">A member is unknown, missing or of the wrong type; QEMU's texts.</exception>
    /// <param name="unexpected">The text for a member that is not known.</param>
    public static void Validate(JsonTypeInfo type, JsonElement options, Func<string, string>? unexpected = null)
    {
        CheckMembers(type, options, "", unexpected);
        try
        {
            options.Deserialize(type.Deep());
        }
        catch (JsonException e)
        {
            throw Mistake(options, e);
        }
    }

    private static void CheckMembers(JsonTypeInfo type, JsonElement options, string prefix, Func<string, string>? unexpected)
    {
        var known = type.Properties;
        foreach (var member in options.EnumerateObject())
        {
            var name = prefix + member.Name;
            var property = known.FirstOrDefault(property => property.Name == member.Name)
                ?? throw Unexpected(name, unexpected);
            CheckValue(
                type, Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType, member.Value, name, unexpected);
        }

        foreach (var property in known)
        {
            if (property.IsRequired && !options.TryGetProperty(property.Name, out _))
                throw new BlockException(ParameterFault.Missing($"{prefix}{property.Name}"));
        }
    }

    private static void CheckValue(
        JsonTypeInfo owner, Type wanted, JsonElement value, string name, Func<string, string>? unexpected)
    {
        if (value.ValueKind == JsonValueKind.Object && owner.Options.TryGetTypeInfo(wanted, out var nested))
            CheckObject(nested, value, name, unexpected);
        else if (wanted.IsEnum && value.ValueKind == JsonValueKind.String && IsNumber(value.GetString()!)
            && !Names(owner, wanted).Contains(value.GetString()))
            throw new BlockException(NotAccepted(name, value));
    }

    private static void CheckObject(JsonTypeInfo type, JsonElement value, string name, Func<string, string>? unexpected)
    {
        if (IsPlain(type))
            CheckMembers(type, value, name + ".", unexpected);
        else if (type is { Type.IsAbstract: true, PolymorphismOptions: { } union })
            CheckBranch(union, type, value, name, unexpected);
    }

    /// <summary>The values of a union's members are the serializer's to judge.</summary>
    private static void CheckBranch(
        JsonPolymorphismOptions union, JsonTypeInfo type, JsonElement value, string name, Func<string, string>? unexpected)
    {
        var tag = union.TypeDiscriminatorPropertyName;
        if (!value.TryGetProperty(tag, out var chosen))
            throw new BlockException(ParameterFault.Missing($"{name}.{tag}"));
        if (chosen.ValueKind != JsonValueKind.String)
            return;
        var branch = union.DerivedTypes.FirstOrDefault(branch => chosen.ValueEquals(branch.TypeDiscriminator as string));
        if (branch.DerivedType is null)
            throw new BlockException(NotAccepted(tag, chosen));
        var known = type.Options.GetTypeInfo(branch.DerivedType).Properties;
        foreach (var member in value.EnumerateObject())
        {
            if (member.Name != tag && known.All(property => property.Name != member.Name && !property.IsExtensionData))
                throw Unexpected($"{name}.{member.Name}", unexpected);
        }

        if (known.FirstOrDefault(property => property.IsRequired && !value.TryGetProperty(property.Name, out _)) is { } missing)
            throw new BlockException(ParameterFault.Missing(missing.Name));
    }

    // What a union holds depends on its branch.
    private static bool IsPlain(JsonTypeInfo type) =>
        type is { Kind: JsonTypeInfoKind.Object, PolymorphismOptions: null }
            && !type.Properties.Any(property => property.IsExtensionData);

    // The serializer takes the number of a choice for its name.
    private static bool IsNumber(string text) =>
        text.AsSpan().Trim() is var digits && (digits.IsEmpty || char.IsAsciiDigit(digits[0]) || digits[0] is '-' or '+');

    private static IEnumerable<string?> Names(JsonTypeInfo owner, Type type)
    {
        foreach (var number in Enum.GetValuesAsUnderlyingType(type))
            yield return JsonSerializer.SerializeToElement(Enum.ToObject(type, number), owner.Options.GetTypeInfo(type))
                .GetString();
    }

    private static BlockException Unexpected(string name, Func<string, string>? text)
    {
        var fault = ParameterFault.Unexpected(name);
        return text is null ? new(fault) : new(BlockErrorKind.InvalidArgument, text(name)) { Parameter = fault };
    }

    private static ParameterFault NotAccepted(string path, JsonElement value) =>
        ParameterFault.NotAccepted(path[(path.LastIndexOf('.') + 1)..], value.GetString());

    /// <summary>As tools that open images by name say it, whose options no schema has seen.</summary>
    public static string NotSupported(BlockDriver driver, string option) => driver.NamesStorage
        ? $"Block protocol '{driver.FormatName}' doesn't support the option '{option}'"
        : $"Block format '{driver.FormatName}' does not support the option '{option}'";

    private static BlockException Mistake(JsonElement options, JsonException mistake)
    {
        var path = mistake.Path?.TrimStart('$', '.') ?? "";
        var value = options;
        foreach (var step in path.Split('.'))
        {
            if (value.ValueKind != JsonValueKind.Object || !value.TryGetProperty(step, out value))
                return Invalid(path, mistake);
        }

        // Numbers and the like are of their types when they come from a schema; only names of choices can be unknown.
        return value.ValueKind == JsonValueKind.String
            ? new BlockException(NotAccepted(path, value))
            : Invalid(path, mistake);
    }

    private static BlockException Invalid(string path, JsonException mistake) =>
        new(BlockErrorKind.InvalidArgument, $"Invalid parameter '{path}': {mistake.Message}", innerException: mistake);
}
