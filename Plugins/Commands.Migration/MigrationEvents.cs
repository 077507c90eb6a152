// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Commands.Migration.Types;
using BlockHost.Qmp;
using BlockHost.Yank;

namespace BlockHost.Plugins.Commands.Migration;

/// <summary>What monitors are told, where the capability "events" is set.</summary>
internal sealed class MigrationEvents(MigrationSettings settings, Func<IQmpEvents> events)
{
    public QmpEvent<MigrationEvent> Status { get; } = new("MIGRATION", () => MigrationJson.Default.MigrationEvent);

    public QmpEvent<MigrationPassEvent> Pass { get; } = new("MIGRATION_PASS", () => MigrationJson.Default.MigrationPassEvent);

    public void Tell(MigrationStatus status)
    {
        if (settings.Has(MigrationCapability.Events))
            events().Emit(Status, new MigrationEvent { Status = status });
    }

    public void TellPass(long pass)
    {
        if (settings.Has(MigrationCapability.Events))
            events().Emit(Pass, new MigrationPassEvent { Pass = pass });
    }
}

/// <summary>The yank type "migration": there is one instance, while a migration has a channel.</summary>
internal sealed class MigrationYank : YankInstanceProvider
{
    private const string Type = "migration";

    public static YankInstance Instance { get; } = new(Type, default);

    public override string InstanceType => Type;
}
