// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Qmp;

namespace BlockHost.Core.Qapi;

/// <summary>Gives types their numbers when something first refers to them, and describes them in that order.</summary>
internal sealed class SchemaWriter(QapiBranches branches)
{
    private static readonly JsonElement NoDefault = JsonDocument.Parse("null").RootElement;

    private readonly Dictionary<QapiType, string> _names = [];
    private readonly Dictionary<QapiExtension, QapiType> _extensions = [];
    private readonly Queue<QapiType> _waiting = [];
    private int _numbers;

    public static IReadOnlyList<string>? Features(IReadOnlyList<string> features) => features.Count > 0 ? features : null;

    /// <summary>The name that the schema gives a type.</summary>
    public string Name(QapiType type)
    {
        if (type is QapiExtensibleType extensible)
            type = Resolve(extensible.Extension);
        if (_names.TryGetValue(type, out var known))
            return known;
        // A type may refer to itself: it has its name before its parts are looked at.
        var name = _names[type] = type switch
        {
            QapiScalarType scalar => Builtin(scalar.Kind).Name,
            QapiIntegerType => "int",
            QapiArrayType array => $"[{Name(array.Element)}]",
            _ => $"{_numbers++}",
        };
        _waiting.Enqueue(type);
        return name;
    }

    /// <summary>All types that have been named, and those they lead to.</summary>
    public IEnumerable<SchemaInfo> Types(CancellationToken cancellationToken)
    {
        var described = new HashSet<string>();
        while (_waiting.TryDequeue(out var type))
        {
            if (described.Add(_names[type]))
                yield return Describe(type, cancellationToken);
        }
    }

    private QapiType Resolve(QapiExtension extension)
    {
        if (_extensions.TryGetValue(extension, out var known))
            return known;
        var type = branches.Resolve(extension);
        _extensions.Add(extension, type);
        // The union inside a reference is the one that stands alone.
        if (type is QapiAlternateType alternate)
            alternate.Branches = [.. alternate.Branches.Select(
                branch => branch is QapiExtensibleUnion union ? Resolve(union.Extension) : branch)];
        return type;
    }

    private SchemaInfo Describe(QapiType type, CancellationToken cancellationToken) => type switch
    {
        QapiScalarType scalar => new SchemaBuiltin { Name = _names[type], JsonType = Builtin(scalar.Kind).JsonType },
        QapiIntegerType => new SchemaBuiltin { Name = _names[type], JsonType = SchemaJsonType.Int },
        QapiArrayType array => new SchemaArray { Name = _names[type], ElementType = Name(array.Element) },
        QapiEnumType enumeration => new SchemaEnum
        {
            Name = _names[type],
            Members = [.. enumeration.Values.Select(
                value => new SchemaEnumMember { Name = value.Name, Features = Features(value.Features) })],
            Values = [.. enumeration.Values.Select(value => value.Name)],
            Features = Features(type.Features),
        },
        QapiAlternateType alternate => new SchemaAlternate
        {
            Name = _names[type],
            Members = [.. alternate.Branches.Select(branch => new SchemaAlternateMember { Type = Name(branch) })],
            Features = Features(type.Features),
        },
        QapiObjectType @object => Describe(@object, cancellationToken),
        _ => throw new ArgumentException($"{type.GetType().Name} has no description", nameof(type)),
    };

    private SchemaObject Describe(QapiObjectType type, CancellationToken cancellationToken) => new()
    {
        Name = _names[type],
        Members = [.. type.Members.Where(member => !member.IsLegacy).Select(Member)],
        Tag = type.Tag,
        Variants = type.Tag is null
            ? null
            : [.. Variants(type, cancellationToken)
                .Select(variant => new SchemaVariant { Case = variant.Case, Type = Name(variant.Type) })],
        Features = Features(type.Features),
    };

    private IEnumerable<QapiVariant> Variants(QapiObjectType type, CancellationToken cancellationToken) =>
        type is QapiExtensibleUnion union
        ? branches.LoadedCases(union.Extension)
            .Select(name => new QapiVariant(name, branches.Branch(union.Extension, name, cancellationToken)))
        : type.Variants;

    private SchemaMember Member(QapiMember member) => new()
    {
        Name = member.Name,
        Type = Name(member.Type),
        Default = member.Optional ? NoDefault : null,
        Features = Features(member.Features),
    };

    private static (string Name, SchemaJsonType JsonType) Builtin(QapiScalar kind) => kind switch
    {
        QapiScalar.String => ("str", SchemaJsonType.String),
        QapiScalar.Boolean => ("bool", SchemaJsonType.Boolean),
        QapiScalar.Number => ("number", SchemaJsonType.Number),
        QapiScalar.Null => ("null", SchemaJsonType.Null),
        _ => ("any", SchemaJsonType.Value),
    };
}
