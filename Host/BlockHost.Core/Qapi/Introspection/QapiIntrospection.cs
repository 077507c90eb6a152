// SPDX-License-Identifier: MIT
using BlockHost.Core.Plugins;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Core.Qapi;

/// <summary>
/// Describes the protocol in its own terms, from what is registered. Commands and events keep their names; types are
/// numbered, so that no client comes to depend on their names.
/// </summary>
public sealed class QapiIntrospection(IPluginCatalog catalog, QapiTypes types, QapiBranches branches)
{
    /// <summary>The whole schema; loads every plugin that is available, and those that are just being unloaded again.</summary>
    public async ValueTask<IReadOnlyList<SchemaInfo>> BuildAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            await catalog.LoadAllAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                return Build(cancellationToken);
            }
            catch (QapiBranchLoadingException e)
            {
                // Unloaded after the names were listed: look again when it is there, or is known to have no branch.
                await e.Loading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private List<SchemaInfo> Build(CancellationToken cancellationToken)
    {
        var writer = new SchemaWriter(branches);
        IEnumerable<SchemaInfo> named =
        [
            .. Values(
                catalog.Of(ProvidedKind.Command)).Where(command =>
                    !command.Flags.HasFlag(QmpCommandFlags.Hidden)).Select(command => Command(command, writer)),
            .. Values(catalog.Of(ProvidedKind.Event)).Select(item => Event(item, writer)),
        ];
        var entries = named.ToList();
        foreach (var type in Values(catalog.Of(ProvidedKind.Type)))
            writer.Name(types.Get(type.Type));
        entries.AddRange(writer.Types(cancellationToken));
        return entries;
    }

    /// <summary>One whose plugin is unloaded meanwhile is left out, as it would be a moment later.</summary>
    private static IEnumerable<T> Values<T>(IProvidedTable<T> table)
        where T : class, IProvided => table.Loaded.Select(item => item.ValueOrNull).OfType<T>();

    private SchemaCommand Command(QmpCommand command, SchemaWriter writer) => new()
    {
        Name = command.Name,
        ArgType = writer.Name(ArgumentType(command)),
        RetType = writer.Name(command.ReturnType is { } type ? types.Get(type) : QapiTypes.Empty),
        AllowOob = command.Flags.HasFlag(QmpCommandFlags.AllowOutOfBand) ? true : null,
        Features = SchemaWriter.Features(command.Features),
    };

    private QapiType ArgumentType(QmpCommand command) => command.ArgumentsType is { } type ? types.Get(type) : QapiTypes.Empty;

    private SchemaEvent Event(QmpEvent qmpEvent, SchemaWriter writer) => new()
    {
        Name = qmpEvent.Name,
        ArgType = writer.Name(types.GetObject(qmpEvent.DataType)),
        Features = SchemaWriter.Features(qmpEvent.Features),
    };
}
