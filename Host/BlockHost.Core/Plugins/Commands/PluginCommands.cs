// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Core.Plugins;

/// <summary>
/// The plugin plane of the management protocol: plugin-load, plugin-unload, query-plugins, PLUGIN_STATE_CHANGE.
/// </summary>
public sealed class PluginCommands(PluginManager manager)
{
    private const long DefaultPatienceSeconds = 5;
    private const long LongestPatienceSeconds = 3600;

    private readonly QmpEvent<PluginStateChange> _stateChange = new(
        "PLUGIN_STATE_CHANGE", () => PluginJson.Default.PluginStateChange);

    /// <summary>For <see cref="PluginManager.AddHost"/>.</summary>
    public void Register(IPluginRegistry registry)
    {
        registry.Add(_stateChange);
        registry.Add(
            QmpCommand.CreateQuery(
                "query-plugins", () => PluginJson.Default.IReadOnlyListPluginInfo, (_, _) => new(manager.List())));
        registry.Add(QmpCommand.Create(
            "plugin-load",
            () => PluginJson.Default.PluginLoadArguments,
            () => PluginJson.Default.PluginInfo,
            (_, arguments, ct) => LoadAsync(arguments, ct)));
        registry.Add(QmpCommand.Create(
            "plugin-unload",
            () => PluginJson.Default.PluginUnloadArguments,
            () => PluginJson.Default.PluginInfo,
            (_, arguments, ct) => UnloadAsync(arguments, ct)));
    }

    /// <summary>Sends an event for every change of a plugin's state that a user asked for, and for faults, from now on.</summary>
    public void EmitTo(IQmpEvents events) =>
        manager.Announced += info =>
            events.Emit(_stateChange, new PluginStateChange { Id = info.Id, State = info.State, Reason = info.Reason });

    private async ValueTask<PluginInfo> LoadAsync(PluginLoadArguments arguments, CancellationToken cancellationToken)
    {
        if ((arguments.Id is null) == (arguments.Manifest is null))
            throw new QmpException("Exactly one of 'id' and 'manifest' must be given");
        try
        {
            return arguments.Id is { } id
                ? await manager.LoadAsync(id, cancellationToken).ConfigureAwait(false)
                : await manager.LoadManifestAsync(arguments.Manifest!, cancellationToken).ConfigureAwait(false);
        }
        catch (PluginException e)
        {
            throw new QmpException(QmpErrorClass.GenericError, e.Message, e);
        }
    }

    private async ValueTask<PluginInfo> UnloadAsync(PluginUnloadArguments arguments, CancellationToken cancellationToken)
    {
        var seconds = arguments.Timeout ?? DefaultPatienceSeconds;
        if (seconds is < 0 or > LongestPatienceSeconds)
            throw new QmpException(
                ParameterFault.OutOfRange("timeout", $"a number of seconds from 0 to {LongestPatienceSeconds}"));
        try
        {
            return await manager.UnloadAsync(
                arguments.Id, TimeSpan.FromSeconds(seconds), cancellationToken).ConfigureAwait(false);
        }
        catch (PluginException e)
        {
            throw new QmpException(QmpErrorClass.GenericError, e.Message, e);
        }
    }
}
