// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Core.Text;
using BlockHost.Qmp;

namespace BlockHost.Core.Qapi;

/// <summary>
/// Walks input along its type: members in the schema's order, then the branch that the tag selects, then a look for
/// members that nobody knows. The first mistake found that way is the one QEMU tells.
/// </summary>
/// <param name="keyValue">All values are strings, to be turned into what the type asks for.</param>
/// <param name="output">Takes the input with its values converted and tags before what they select; or null.</param>
internal sealed class QapiInputVisitor(
    QapiBranches branches, bool keyValue, Utf8JsonWriter? output, CancellationToken cancellationToken)
{
    /// <summary>Some union's tag is not its first member, as the serializer wants it.</summary>
    public bool TagsOutOfOrder { get; private set; }

    public void VisitRoot(QapiObjectType type, JsonElement value) => VisitMembers(type, value, QapiPath.Root(keyValue));

    private void Visit(QapiType type, JsonElement value, QapiPath path)
    {
        switch (type)
        {
            case QapiExtensibleType extensible:
                Visit(branches.Resolve(extensible.Extension), value, path);
                break;
            case QapiObjectType @object:
                Expect(value, JsonValueKind.Object, path, "object");
                VisitMembers(@object, value, path);
                break;
            case QapiArrayType array:
                Expect(value, JsonValueKind.Array, path, "array");
                VisitItems(array, value, path);
                break;
            case QapiAlternateType alternate:
                VisitAlternate(alternate, value, path);
                break;
            case QapiEnumType enumeration:
                VisitEnum(enumeration, value, path);
                break;
            case QapiIntegerType integer:
                VisitInteger(integer, value, path);
                break;
            case QapiScalarType scalar:
                VisitScalar(scalar.Kind, value, path);
                break;
        }
    }

    private void VisitMembers(QapiObjectType type, JsonElement value, QapiPath path)
    {
        output?.WriteStartObject();
        var known = VisitEach(type.Members, value, path);
        QapiObjectType? branch = null;
        if (type.Tag is { } tag)
        {
            branch = Branch(type, value.GetProperty(tag).GetString()!);
            known += VisitEach(branch.Members, value, path);
            TagsOutOfOrder |= value.EnumerateObject().First().Name != tag;
        }

        if (known != value.GetPropertyCount())
            throw QapiErrors.Unexpected(path.Member(FirstUnknown(type, branch, value)).FullName);
        output?.WriteEndObject();
    }

    private int VisitEach(IReadOnlyList<QapiMember> members, JsonElement value, QapiPath path)
    {
        var found = 0;
        foreach (var member in members)
        {
            if (value.TryGetProperty(member.Name, out var memberValue))
            {
                found++;
                output?.WritePropertyName(member.Name);
                Visit(member.Type, memberValue, path.Member(member.Name));
            }
            else if (!member.Optional)
            {
                throw QapiErrors.Missing(path.Member(member.Name).FullName);
            }
        }

        return found;
    }

    private QapiObjectType Branch(QapiObjectType union, string value) =>
        union is QapiExtensibleUnion extensible
            ? branches.Branch(extensible.Extension, value, cancellationToken)
            : union.Variants.FirstOrDefault(variant => variant.Case == value)?.Type ?? QapiTypes.Empty;

    private static string FirstUnknown(QapiObjectType type, QapiObjectType? branch, JsonElement value)
    {
        var known = type.Members.Concat(branch?.Members ?? []).Select(member => member.Name).ToHashSet();
        return value.EnumerateObject().First(property => !known.Contains(property.Name)).Name;
    }

    private void VisitItems(QapiArrayType array, JsonElement value, QapiPath path)
    {
        output?.WriteStartArray();
        var number = 0;
        foreach (var item in value.EnumerateArray())
            Visit(array.Element, item, path.Item(number++));
        output?.WriteEndArray();
    }

    private void VisitAlternate(QapiAlternateType alternate, JsonElement value, QapiPath path)
    {
        var branch = alternate.Branches.FirstOrDefault(branch => Takes(branch, value.ValueKind))
            ?? throw QapiErrors.WrongType(path.ShortName, alternate.Name);
        Visit(branch, value, path);
    }

    private bool Takes(QapiType type, JsonValueKind kind) => kind switch
    {
        JsonValueKind.Object => Resolved(type) is QapiObjectType,
        JsonValueKind.Array => type is QapiArrayType,
        JsonValueKind.String => Resolved(type) is QapiEnumType or QapiScalarType { Kind: QapiScalar.String },
        JsonValueKind.Number => type is QapiIntegerType or QapiScalarType { Kind: QapiScalar.Number },
        JsonValueKind.True or JsonValueKind.False => type is QapiScalarType { Kind: QapiScalar.Boolean },
        JsonValueKind.Null => type is QapiScalarType { Kind: QapiScalar.Null },
        _ => false,
    };

    private QapiType Resolved(QapiType type) =>
        type is QapiExtensibleType extensible ? branches.Resolve(extensible.Extension) : type;

    private void VisitEnum(QapiEnumType type, JsonElement value, QapiPath path)
    {
        Expect(value, JsonValueKind.String, path, "string");
        foreach (var known in type.Values)
        {
            if (value.ValueEquals(known.Name))
            {
                output?.WriteStringValue(known.Name);
                return;
            }
        }

        throw QapiErrors.WrongValue(path.ShortName, value.GetString());
    }

    private void VisitInteger(QapiIntegerType type, JsonElement value, QapiPath path)
    {
        if (keyValue)
        {
            VisitIntegerText(type, value, path);
            return;
        }

        var fits = QapiIntegers.TryGet(type, value, out var number, out var isInteger);
        if (!isInteger)
            throw type.Signed ? QapiErrors.WrongType(path.FullName, "integer") : QapiErrors.Expects(path.FullName, "uint64");
        if (!fits)
            throw QapiErrors.Expects(path.ShortName, type.Name);
        Write(number);
    }

    private void VisitIntegerText(QapiIntegerType type, JsonElement value, QapiPath path)
    {
        Expect(value, JsonValueKind.String, path, "string");
        if (!NumberText.TryParse(value.GetString()!, out var number))
            throw QapiErrors.Expects(path.FullName, "integer");
        if (!QapiIntegers.Fits(type, number))
            throw type.Bits == 64 ? QapiErrors.Expects(path.FullName, "integer") : QapiErrors.Expects(path.ShortName, type.Name);
        Write(number);
    }

    private void Write(Int128 number)
    {
        if (number < 0)
            output?.WriteNumberValue((long)number);
        else
            output?.WriteNumberValue((ulong)number);
    }

    /// <summary>Names go to the kernel, which ends them at a null character.</summary>
    private static void RefuseNull(JsonElement value, QapiPath path)
    {
        if (value.GetString()!.Contains('\0'))
            throw QapiErrors.Expects(path.FullName, "a string without null characters");
    }

    private void VisitScalar(QapiScalar kind, JsonElement value, QapiPath path)
    {
        switch (kind)
        {
            case QapiScalar.String:
                Expect(value, JsonValueKind.String, path, "string");
                RefuseNull(value, path);
                break;
            case QapiScalar.Boolean when keyValue:
                output?.WriteBooleanValue(BooleanText(value, path));
                return;
            case QapiScalar.Boolean when value.ValueKind is not (JsonValueKind.True or JsonValueKind.False):
                throw QapiErrors.WrongType(path.FullName, "boolean");
            case QapiScalar.Number when keyValue:
                output?.WriteNumberValue(RealText(value, path));
                return;
            case QapiScalar.Number:
                Expect(value, JsonValueKind.Number, path, "number");
                break;
            case QapiScalar.Null:
                Expect(value, JsonValueKind.Null, path, "null");
                break;
        }

        if (output is not null)
            value.WriteTo(output);
    }

    private static bool BooleanText(JsonElement value, QapiPath path)
    {
        Expect(value, JsonValueKind.String, path, "string");
        return value.GetString() switch
        {
            "on" or "yes" or "true" or "y" => true,
            "off" or "no" or "false" or "n" => false,
            _ => throw QapiErrors.Expects(path.FullName, "'on' or 'off'"),
        };
    }

    private static double RealText(JsonElement value, QapiPath path)
    {
        Expect(value, JsonValueKind.String, path, "string");
        return NumberText.TryParseReal(value.GetString()!, out var number)
            ? number
            : throw QapiErrors.Expects(path.FullName, "number");
    }

    private static void Expect(JsonElement value, JsonValueKind kind, QapiPath path, string name)
    {
        if (value.ValueKind != kind)
            throw QapiErrors.WrongType(path.FullName, name);
    }
}
