// SPDX-License-Identifier: MIT
using BlockHost.Core.Objects;
using BlockHost.Core.Plugins;
using BlockHost.Core.Qapi;
using BlockHost.Core.Qmp.Sessions;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Core.Qmp.Commands;

/// <summary>The host's own commands: negotiation, introspection, quitting, objects.</summary>
public sealed class MonitorCommands(
    IPluginCatalog catalog, QapiIntrospection introspection, UserObjects objects, HostLifetime lifetime)
{
    internal const string Negotiation = "qmp_capabilities";

    /// <summary>For <see cref="PluginManager.AddHost"/>.</summary>
    public void Register(IPluginRegistry registry)
    {
        var json = MonitorJson.Default;
        registry.Add(QmpCommand.CreateAction(
            Negotiation, () => json.NegotiationArguments, Negotiate, QmpCommandFlags.AllowPreconfig));
        registry.Add(QmpCommand.CreateQuery(
            "query-version", () => json.VersionInfo, (_, _) => new(CompatibleVersion.Current), QmpCommandFlags.AllowPreconfig));
        registry.Add(QmpCommand.CreateQuery(
            "query-commands", () => json.IReadOnlyListCommandInfo, ListCommands, QmpCommandFlags.AllowPreconfig));
        registry.Add(QmpCommand.CreateQuery(
            "query-qmp-schema",
            () => json.IReadOnlyListSchemaInfo,
            (_, ct) => introspection.BuildAsync(ct),
            QmpCommandFlags.AllowPreconfig));
        registry.Add(QmpCommand.CreateAction("quit", Quit, QmpCommandFlags.AllowPreconfig));
        ObjectCommands.Register(registry, objects);
        registry.Add(lifetime.Shutdown);
    }

    private static ValueTask Negotiate(IQmpCall call, NegotiationArguments arguments, CancellationToken cancellationToken)
    {
        if (call is not MonitorCall monitor)
            throw new QmpException($"{Negotiation} is for monitors only");
        monitor.Session.Negotiate(arguments.Enable?.Contains(QmpCapability.OutOfBand) == true);
        return ValueTask.CompletedTask;
    }

    private ValueTask<IReadOnlyList<CommandInfo>> ListCommands(IQmpCall call, CancellationToken cancellationToken)
    {
        var hidden = catalog.Of(
            ProvidedKind.Command).Loaded.Where(command =>
                command.ValueOrNull?.Flags.HasFlag(QmpCommandFlags.Hidden) == true).Select(command => command.Name);
        return new([.. catalog.Of(ProvidedKind.Command).Names.Except(hidden).Select(name => new CommandInfo(name))]);
    }

    private ValueTask Quit(IQmpCall call, CancellationToken cancellationToken)
    {
        lifetime.RequestStop(ShutdownCause.HostQmpQuit);
        return ValueTask.CompletedTask;
    }
}
