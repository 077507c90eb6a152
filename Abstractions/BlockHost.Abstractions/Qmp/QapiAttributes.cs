// SPDX-License-Identifier: MIT
namespace BlockHost.Qmp;

/// <summary>Types of the schema that plugins complete: their branches and values come from the registry.</summary>
public enum QapiExtension
{
    /// <summary>Object, by "driver".</summary>
    BlockdevOptions = 0,

    /// <summary>String (node name) or BlockdevOptions.</summary>
    BlockdevRef = 1,

    /// <summary>As BlockdevRef, or null.</summary>
    BlockdevRefOrNull = 2,

    /// <summary>Object, by "driver".</summary>
    BlockdevCreateOptions = 3,

    /// <summary>Object, by "type".</summary>
    BlockExportOptions = 4,

    /// <summary>Object, by "type".</summary>
    YankInstance = 5,

    /// <summary>Object, by "type", with the driver's data in "data".</summary>
    ImageInfoSpecific = 6,

    /// <summary>Enumeration of driver names.</summary>
    BlockdevDriver = 7,

    /// <summary>Enumeration of export types.</summary>
    BlockExportType = 8,

    /// <summary>Enumeration of job types.</summary>
    JobType = 9,

    /// <summary>Enumeration of yank instance types.</summary>
    YankInstanceType = 10,

    /// <summary>Object, by "qom-type".</summary>
    ObjectOptions = 11,

    /// <summary>Object, by "type", with the action's data in "data".</summary>
    TransactionAction = 12,

    /// <summary>Enumeration of transaction action types.</summary>
    TransactionActionKind = 13,

    /// <summary>Object, by "driver", with what the driver's images can have amended.</summary>
    BlockdevAmendOptions = 14,

    /// <summary>Object with a list of names for each kind of things that plugins provide.</summary>
    ProvidedNames = 15,

    /// <summary>Object, by "driver", with what the driver's nodes count.</summary>
    BlockStatsSpecific = 16,

    /// <summary>Object, by "type", with the backend's options in "data".</summary>
    ChardevBackend = 17,
}

/// <summary>The type, or the string or JSON member, has the schema of a type that plugins complete.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Struct | AttributeTargets.Property)]
public sealed class QapiExtensibleAttribute(QapiExtension extension) : Attribute
{
    public QapiExtension Extension { get; } = extension;
}

/// <summary>The type is an alternate: its value is of one of <paramref name="branches"/>, told apart by JSON kind.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Struct)]
public sealed class QapiAlternateAttribute(params Type[] branches) : Attribute
{
    public IReadOnlyList<Type> Branches { get; } = branches;
}

/// <summary>A QAPI feature of a member or type, such as "deprecated" or "unstable".</summary>
[AttributeUsage(
    AttributeTargets.Class | AttributeTargets.Struct | AttributeTargets.Property | AttributeTargets.Field, AllowMultiple = true)]
public sealed class QapiFeatureAttribute(string name) : Attribute
{
    public string Name { get; } = name;
}

/// <summary>The type's name in QEMU's schema, where clients see it (qom-list); default: the class's name.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Struct | AttributeTargets.Enum)]
public sealed class QapiNameAttribute(string name) : Attribute
{
    public string Name { get; } = name;
}

/// <summary>A member of an older version of the interface: still accepted, but left out of the introspection schema.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class QapiLegacyAttribute : Attribute;
