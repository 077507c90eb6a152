// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization.Metadata;
using BlockHost.Core.Plugins;
using BlockHost.Plugins;
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
public sealed class QapiBranches(IPluginCatalog catalog, QapiTypes types)
{
    /// <summary>The type as it is now; unions have no variants listed.</summary>
    public QapiType Resolve(QapiExtension extension) => extension switch
    {
        QapiExtension.BlockdevRef =>
            new QapiAlternateType("BlockdevRef") { Branches = [Union(QapiExtension.BlockdevOptions), QapiTypes.String] },
        QapiExtension.BlockdevRefOrNull => new QapiAlternateType("BlockdevRefOrNull")
        {
            Branches = [Union(QapiExtension.BlockdevOptions), QapiTypes.String, QapiTypes.Null],
        },
        QapiExtension.ProvidedNames => new QapiObjectType
        {
            Members = [.. ProvidedKind.All.Select(
                kind => new QapiMember(kind.Id, new QapiArrayType(QapiTypes.String), Optional: false, []))],
        },
        _ => QapiUnionShape.Enumerations.TryGetValue(extension, out var kind) ? Names(catalog.NamesOf(kind)) : Union(extension),
    };

    /// <summary>The members that all branches have, tag first.</summary>
    public QapiExtensibleUnion Union(QapiExtension extension)
    {
        var common = types.GetObject(QapiUnionShape.All[extension].Common).Members;
        return new QapiExtensibleUnion(extension)
        { Tag = common[0].Name, Members = [common[0] with { Type = Names(Cases(extension)) }, .. common.Skip(1)] };
    }

    /// <summary>Values of the tag that have a branch or would have one when their plugin is loaded.</summary>
    public IReadOnlyList<string> Cases(QapiExtension union) => QapiUnionShape.All[union].Cases(catalog);

    /// <summary>As <see cref="Cases"/>, without those whose plugin is not loaded.</summary>
    internal IReadOnlyList<string> LoadedCases(QapiExtension union) => QapiUnionShape.All[union].LoadedCases(catalog);

    /// <exception cref="QapiBranchLoadingException">Its plugin has to be loaded first.</exception>
    internal QapiObjectType Branch(QapiExtension union, string value, CancellationToken cancellationToken)
    {
        var shape = QapiUnionShape.All[union];
        if (shape.Branch(catalog, value, cancellationToken) is not { } info)
            return QapiTypes.Empty;
        if (shape.IsInData)
            return new QapiObjectType { Members = [new QapiMember("data", types.GetObject(info), Optional: false, [])] };
        return Members(info, shape);
    }

    private static QapiEnumType Names(IEnumerable<string> names) => new([.. names.Select(name => new QapiEnumValue(name, []))]);

    /// <summary>A branch's own members; one that repeats a common member would otherwise be counted twice.</summary>
    private QapiObjectType Members(JsonTypeInfo info, QapiUnionShape shape)
    {
        var branch = types.GetObject(info);
        var common = types.GetObject(shape.Common).Members;
        return branch.Members.Any(member => common.Any(other => other.Name == member.Name))
            ? new QapiObjectType
            {
                Members = [.. branch.Members.ExceptBy(
                common.Select(member => member.Name), member => member.Name)]
            }
            : branch;
    }
}
