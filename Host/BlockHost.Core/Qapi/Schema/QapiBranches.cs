// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block.Facets;
using BlockHost.Core.Objects;
using BlockHost.Core.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Core.Qapi;

/// <summary>A union whose branches are looked up when they are needed.</summary>
public sealed class QapiExtensibleUnion(QapiExtension extension) : QapiObjectType
{
    public QapiExtension Extension => extension;
}

/// <summary>Thrown where a branch's plugin is not loaded yet; the visit is repeated afterwards.</summary>
internal sealed class QapiBranchLoadingException(Task loading) : Exception("A plugin is being loaded")
{
    public Task Loading => loading;
}

/// <summary>The types that plugins complete: names and branches come from the catalogue of what is provided.</summary>
public sealed class QapiBranches(IPluginCatalog catalog, UserObjects objects, QapiTypes types)
{
    /// <summary>The type as it is now; unions have no variants listed.</summary>
    public QapiType Resolve(QapiExtension extension) => extension switch
    {
        QapiExtension.BlockdevRef => new QapiAlternateType("BlockdevRef") { Branches = [Union(QapiExtension.BlockdevOptions), QapiTypes.String] },
        QapiExtension.BlockdevRefOrNull => new QapiAlternateType("BlockdevRefOrNull")
        {
            Branches = [Union(QapiExtension.BlockdevOptions), QapiTypes.String, QapiTypes.Null],
        },
        QapiExtension.BlockdevDriver => Names(catalog.Drivers.Names),
        QapiExtension.BlockExportType => Names(catalog.Exports.Names),
        QapiExtension.JobType => Names(catalog.Jobs.Names),
        QapiExtension.TransactionActionKind => Names(catalog.Actions.Names),
        QapiExtension.YankInstanceType => Names(catalog.Yank.Names),
        _ => Union(extension),
    };

    /// <summary>The members that all branches have, tag first.</summary>
    public QapiExtensibleUnion Union(QapiExtension extension)
    {
        var common = types.GetObject(CommonMembers(extension)).Members;
        return new QapiExtensibleUnion(extension) { Tag = common[0].Name, Members = [common[0] with { Type = TagType(extension) }, .. common.Skip(1)] };
    }

    /// <summary>Values of the tag that have a branch or would have one when their plugin is loaded.</summary>
    public IReadOnlyList<string> Cases(QapiExtension union) => union switch
    {
        QapiExtension.BlockExportOptions => catalog.Exports.Names,
        QapiExtension.TransactionAction => catalog.Actions.Names,
        QapiExtension.YankInstance => catalog.Yank.Names,
        QapiExtension.ObjectOptions => ObjectTypeNames,
        _ => catalog.Drivers.Names,
    };

    /// <summary>As <see cref="Cases"/>, without those whose plugin is not loaded.</summary>
    internal IReadOnlyList<string> LoadedCases(QapiExtension union) => union switch
    {
        QapiExtension.BlockExportOptions => [.. catalog.Exports.Loaded.Select(item => item.Name)],
        QapiExtension.TransactionAction => [.. catalog.Actions.Loaded.Select(item => item.Name)],
        QapiExtension.YankInstance => [.. catalog.Yank.Loaded.Select(item => item.Name)],
        QapiExtension.ObjectOptions => ObjectTypeNames,
        // What can be amended is the image's to say, not the driver's: nothing is advertised.
        QapiExtension.BlockdevAmendOptions => [],
        _ => [.. catalog.Drivers.Loaded.Select(item => item.Name)],
    };

    /// <exception cref="QapiBranchLoadingException">Its plugin has to be loaded first.</exception>
    internal QapiObjectType Branch(QapiExtension union, string value, CancellationToken cancellationToken) => union switch
    {
        QapiExtension.BlockExportOptions => Members(Find(catalog.Exports, value, cancellationToken)?.OptionsType, union),
        QapiExtension.TransactionAction => Find(catalog.Actions, value, cancellationToken)?.DataType is { } data
            ? new QapiObjectType { Members = [new QapiMember("data", types.GetObject(data), Optional: false, [])] }
            : QapiTypes.Empty,
        QapiExtension.YankInstance => Members(Find(catalog.Yank, value, cancellationToken)?.IdentityType, union),
        QapiExtension.ObjectOptions => Members(objects.Types.FirstOrDefault(type => type.Name == value)?.OptionsType, union),
        QapiExtension.BlockdevOptions => Members(Find(catalog.Drivers, value, cancellationToken)?.OptionsType, union),
        QapiExtension.BlockdevCreateOptions => Find(catalog.Drivers, value, cancellationToken)?.TryGetFacet<IImageCreator>(out var creator) == true
            ? Members(creator.CreateOptionsType, union)
            : QapiTypes.Empty,
        QapiExtension.BlockdevAmendOptions => Find(catalog.Drivers, value, cancellationToken)?.TryGetFacet<IImageCreator>(out var made) == true
            ? AllOptional(Members(made.CreateOptionsType, union))
            : QapiTypes.Empty,
        QapiExtension.ImageInfoSpecific => Find(catalog.Drivers, value, cancellationToken)?.SpecificInfoType is { } info
            ? new QapiObjectType { Members = [new QapiMember("data", types.GetObject(info), Optional: false, [])] }
            : QapiTypes.Empty,
        _ => throw new ArgumentOutOfRangeException(nameof(union), union, "not a union"),
    };

    private string[] ObjectTypeNames => [.. objects.Types.Select(type => type.Name).Order(StringComparer.Ordinal)];

    private static QapiEnumType Names(IEnumerable<string> names) => new([.. names.Select(name => new QapiEnumValue(name, []))]);

    private static JsonTypeInfo CommonMembers(QapiExtension union) => union switch
    {
        QapiExtension.BlockdevOptions => QapiCommonJson.Default.BlockdevCommonMembers,
        QapiExtension.BlockExportOptions => QapiCommonJson.Default.BlockExportCommonMembers,
        QapiExtension.ObjectOptions => QapiCommonJson.Default.ObjectCommonMembers,
        QapiExtension.BlockdevCreateOptions or QapiExtension.BlockdevAmendOptions => QapiCommonJson.Default.DriverTag,
        QapiExtension.YankInstance or QapiExtension.ImageInfoSpecific or QapiExtension.TransactionAction => QapiCommonJson.Default.TypeTag,
        _ => throw new ArgumentOutOfRangeException(nameof(union), union, "not a union"),
    };

    private QapiEnumType TagType(QapiExtension union) => Names(Cases(union));

    /// <summary>A branch's own members; one that repeats a common member would otherwise be counted twice.</summary>
    private QapiObjectType Members(JsonTypeInfo? info, QapiExtension union)
    {
        if (info is null)
            return QapiTypes.Empty;
        var branch = types.GetObject(info);
        var common = types.GetObject(CommonMembers(union)).Members;
        return branch.Members.Any(member => common.Any(other => other.Name == member.Name))
            ? new QapiObjectType { Members = [.. branch.Members.ExceptBy(common.Select(member => member.Name), member => member.Name)] }
            : branch;
    }

    private static QapiObjectType AllOptional(QapiObjectType type) =>
        new() { Members = [.. type.Members.Where(member => member.Name != "file").Select(member => member with { Optional = true })] };

    private static T? Find<T>(IProvidedTable<T> table, string name, CancellationToken cancellationToken)
        where T : class
    {
        if (table.Peek(name) is { } loaded)
            return loaded;
        var found = table.FindAsync(name, cancellationToken);
        return found.IsCompletedSuccessfully ? found.Result?.ValueOrNull : throw new QapiBranchLoadingException(found.AsTask());
    }
}
