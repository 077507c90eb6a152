// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization.Metadata;
using BlockHost.Plugins.Commands.Migration.Types;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Migration;

/// <summary>The commands of QMP.</summary>
internal static class MigrationCommands
{
    public static void Register(IPluginRegistry registry, MigrationService service)
    {
        registry.Add(Action(service, "migrate", () => MigrationJson.Default.MigrateArguments, service.Migrate));
        registry.Add(Action(
            service,
            "migrate-incoming", () => MigrationJson.Default.UriArguments, arguments => service.Await(arguments.Uri)));
        registry.Add(QmpCommand.CreateAction("migrate_cancel", (_, _) =>
        {
            service.Cancel();
            return ValueTask.CompletedTask;
        }));
        registry.Add(Action(
            service,
            "migrate-continue", () => MigrationJson.Default.ContinueArguments, arguments => service.Continue(arguments.State)));
        registry.Add(QmpCommand.CreateAction(
            "migrate-pause",
            (_, _) => throw new QmpException("migrate-pause is currently only supported during postcopy-active state"),
            QmpCommandFlags.AllowOutOfBand));
        registry.Add(QmpCommand.CreateAction(
            "migrate-recover",
            () => MigrationJson.Default.UriArguments,
            (_, _, _) => throw new QmpException("Migrate recover can only be run when postcopy is paused."),
            QmpCommandFlags.AllowOutOfBand));
        registry.Add(QmpCommand.CreateQuery(
            "query-migrate", () => MigrationJson.Default.MigrationInfo, (_, _) => new ValueTask<MigrationInfo>(service.Query())));
        registry.Add(Action(
            service,
            "migrate-set-capabilities",
            () => MigrationJson.Default.SetCapabilitiesArguments,
            arguments => service.SetCapabilities(arguments.Capabilities)));
        registry.Add(QmpCommand.CreateQuery(
            "query-migrate-capabilities",
            () => MigrationJson.Default.IReadOnlyListMigrationCapabilityStatus,
            (_, _) => new ValueTask<IReadOnlyList<MigrationCapabilityStatus>>(service.Settings.Capabilities)));
        registry.Add(Action(
            service,
            "migrate-set-parameters", () => MigrationJson.Default.MigrationParameters, service.Settings.Set));
        registry.Add(QmpCommand.CreateQuery(
            "query-migrate-parameters",
            () => MigrationJson.Default.MigrationParameters,
            (_, _) => new ValueTask<MigrationParameters>(service.Settings.Parameters)));
    }

    private static QmpCommand Action<T>(
        MigrationService service, string name, Func<JsonTypeInfo<T>> arguments, Action<T> run) =>
        QmpCommand.CreateAction(name, arguments, async (_, given, cancellationToken) =>
        {
            await service.SettleAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
            run(given);
        });
}
