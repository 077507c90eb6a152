// SPDX-License-Identifier: MIT
using System.Collections.Frozen;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Core.Plugins;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Core.Qapi;

/// <summary>A union of the schema whose branches are provided, one for each name of a kind.</summary>
/// <param name="Common">What all branches have, the tag first.</param>
internal abstract record QapiUnionShape(JsonTypeInfo Common)
{
    private static readonly QapiCommonJson Json = QapiCommonJson.Default;

    /// <summary>Unions that plugins complete.</summary>
    public static FrozenDictionary<QapiExtension, QapiUnionShape> All { get; } = new Dictionary<QapiExtension, QapiUnionShape>
    {
        [QapiExtension.BlockdevOptions] = Of(ProvidedKind.Driver, Json.BlockdevCommonMembers, driver => driver.OptionsType),
        [QapiExtension.BlockdevCreateOptions] = Of(ProvidedKind.Driver, Json.DriverTag, CreateOptions),
        [QapiExtension.BlockdevAmendOptions] = Of(ProvidedKind.Driver, Json.DriverTag, AmendOptions),
        [QapiExtension.ImageInfoSpecific] = Of(
            ProvidedKind.Driver, Json.TypeTag, driver => driver.SpecificInfoType) with
        { IsInData = true },
        [QapiExtension.BlockStatsSpecific] = Of(ProvidedKind.Driver, Json.DriverTag, driver => driver.StatisticsType),
        [QapiExtension.BlockExportOptions] = Of(ProvidedKind.Export, Json.BlockExportCommonMembers, export => export.OptionsType),
        [QapiExtension.TransactionAction] = Of(
            ProvidedKind.Action, Json.TypeTag, action => action.DataType) with
        { IsInData = true },
        [QapiExtension.ObjectOptions] = Of(ProvidedKind.Object, Json.ObjectCommonMembers, type => type.OptionsType),
        [QapiExtension.ChardevBackend] = Of(
            ProvidedKind.Chardev, Json.TypeTag, backend => backend.OptionsType) with
        { IsInData = true },
        [QapiExtension.YankInstance] = Of(ProvidedKind.Yank, Json.TypeTag, provider => provider.IdentityType),
    }.ToFrozenDictionary();

    /// <summary>Enumerations whose values are the names of a kind.</summary>
    public static FrozenDictionary<QapiExtension, ProvidedKind> Enumerations { get; } =
        new Dictionary<QapiExtension, ProvidedKind>
        {
            [QapiExtension.BlockdevDriver] = ProvidedKind.Driver,
            [QapiExtension.BlockExportType] = ProvidedKind.Export,
            [QapiExtension.JobType] = ProvidedKind.Job,
            [QapiExtension.TransactionActionKind] = ProvidedKind.Action,
            [QapiExtension.YankInstanceType] = ProvidedKind.Yank,
        }.ToFrozenDictionary();

    /// <summary>The branch's members are those of one member "data".</summary>
    public bool IsInData { get; init; }

    /// <summary>Values of the tag that have a branch or would have one when their plugin is loaded.</summary>
    public abstract IReadOnlyList<string> Cases(IPluginCatalog catalog);

    /// <summary>As <see cref="Cases"/>, without those whose plugin is not loaded.</summary>
    public abstract IReadOnlyList<string> LoadedCases(IPluginCatalog catalog);

    /// <summary>The branch's own members; null: it has none.</summary>
    /// <exception cref="QapiBranchLoadingException">Its plugin has to be loaded first.</exception>
    public abstract JsonTypeInfo? Branch(IPluginCatalog catalog, string name, CancellationToken cancellationToken);

    private static QapiUnionShape<T> Of<T>(ProvidedKind<T> kind, JsonTypeInfo common, Func<T, JsonTypeInfo?> branch)
        where T : class, IProvided => new(kind, common, branch);

    private static JsonTypeInfo? CreateOptions(BlockDriver driver) =>
        driver.TryGetFacet<IImageCreator>(out var creator) ? creator.CreateOptionsType : null;

    private static JsonTypeInfo? AmendOptions(BlockDriver driver) =>
        driver.TryGetFacet<IAmendOptions>(out var amend) ? amend.AmendOptionsType : null;
}

/// <param name="Members">A thing's own members of the branch.</param>
internal sealed record QapiUnionShape<T>(
    ProvidedKind<T> Kind, JsonTypeInfo Common, Func<T, JsonTypeInfo?> Members) : QapiUnionShape(Common)
    where T : class, IProvided
{
    public override IReadOnlyList<string> Cases(IPluginCatalog catalog) => catalog.Of(Kind).Names;

    public override IReadOnlyList<string> LoadedCases(IPluginCatalog catalog) =>
        [.. catalog.Of(Kind).Loaded.Select(item => item.Name)];

    public override JsonTypeInfo? Branch(IPluginCatalog catalog, string name, CancellationToken cancellationToken) =>
        Find(catalog.Of(Kind), name, cancellationToken) is { } thing ? Members(thing) : null;

    private static T? Find(IProvidedTable<T> table, string name, CancellationToken cancellationToken)
    {
        if (table.Peek(name) is { } loaded)
            return loaded;
        var found = table.FindAsync(name, cancellationToken);
        return found.IsCompletedSuccessfully ? found.Result?.ValueOrNull : throw new QapiBranchLoadingException(found.AsTask());
    }
}
