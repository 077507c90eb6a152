// SPDX-License-Identifier: MIT
using BlockHost.Core.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Core.Qapi;

/// <summary>
/// Describes the protocol in its own terms, from what is registered. Commands and events keep their names; types are
/// numbered, so that no client comes to depend on their names.
/// </summary>
public sealed class QapiIntrospection(IPluginCatalog catalog, QapiTypes types, QapiBranches branches)
{
    /// <summary>The whole schema; loads every plugin that is available.</summary>
    public async ValueTask<IReadOnlyList<SchemaInfo>> BuildAsync(CancellationToken cancellationToken)
    {
        await catalog.LoadAllAsync(cancellationToken).ConfigureAwait(false);
        var writer = new SchemaWriter(branches);
        var commands = catalog.Commands.Loaded.Where(command => !command.Value.Flags.HasFlag(QmpCommandFlags.Hidden));
        IEnumerable<SchemaInfo> named =
        [
            .. commands.Select(command => Command(command.Value, writer)),
            .. catalog.Events.Loaded.Select(item => Event(item.Value, writer)),
        ];
        var entries = named.ToList();
        foreach (var type in catalog.Types.Loaded)
            writer.Name(types.Get(type.Value.Type));
        entries.AddRange(writer.Types(cancellationToken));
        return entries;
    }

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
