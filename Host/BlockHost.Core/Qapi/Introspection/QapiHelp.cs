// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Core.Qapi;

/// <summary>What a union of the schema takes, as help for people.</summary>
public sealed class QapiHelp(QapiBranches branches)
{
    public IReadOnlyList<string> Names(QapiExtension union) => branches.Cases(union);

    /// <summary>A line for each option of one branch, "name=&lt;type&gt;"; loads its plugin.</summary>
    /// <param name="withCommon">Also those that all branches have, but for the tag.</param>
    /// <exception cref="PluginException">The plugin cannot be loaded.</exception>
    public async ValueTask<IReadOnlyList<string>> OptionsAsync(
        QapiExtension union, string name, bool withCommon, CancellationToken cancellationToken)
    {
        var branch = await BranchAsync(union, name, cancellationToken).ConfigureAwait(false);
        var common = branches.Union(union);
        var members = withCommon
            ? branch.Members.Concat(common.Members.Where(member => member.Name != common.Tag))
            : branch.Members;
        return [.. members.Where(
            member =>
                !member.IsLegacy && !member.Features.Contains("deprecated")).OrderBy(member =>
                    member.Name, StringComparer.Ordinal)
            .Select(member => $"{member.Name}=<{TypeName(member.Type)}>")];
    }

    private async ValueTask<QapiObjectType> BranchAsync(QapiExtension union, string name, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return branches.Branch(union, name, cancellationToken);
            }
            catch (QapiBranchLoadingException e)
            {
                await e.Loading.ConfigureAwait(false);
            }
        }
    }

    private string TypeName(QapiType type) => type switch
    {
        QapiScalarType { Kind: QapiScalar.String } => "string",
        QapiScalarType { Kind: QapiScalar.Boolean } => "bool",
        QapiScalarType { Kind: QapiScalar.Number } => "number",
        QapiIntegerType => "int",
        QapiEnumType { Values: var values } => string.Join('|', values.Select(value => value.Name)),
        QapiArrayType { Element: var element } => $"list of {TypeName(element)}",
        QapiExtensibleType { Extension: QapiExtension.BlockdevRef or QapiExtension.BlockdevRefOrNull } => "node",
        QapiExtensibleType { Extension: var extension } => extension.ToString(),
        QapiAlternateType { Branches: var alternatives } => string.Join('|', alternatives.Select(TypeName).Distinct()),
        QapiObjectType { Members: { Count: > 0 } members } => string.Join(',', members.Select(member => member.Name)),
        _ => "value",
    };
}
