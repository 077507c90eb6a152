// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Devices;
using BlockHost.Exports;
using BlockHost.Jobs;
using BlockHost.Plugins;
using BlockHost.Qmp;
using BlockHost.Yank;

namespace BlockHost.Core.Plugins;

/// <summary>
/// What one plugin declares, kept apart until all of it is known to be good: a plugin that throws half way through
/// Register leaves nothing behind.
/// </summary>
public sealed class RegistrationDraft : IPluginRegistry
{
    private readonly SortedDictionary<ProvidedName, object> _items = [];

    private RegistrationDraft(PluginOwner owner) => Owner = owner;

    public PluginOwner Owner { get; }

    /// <summary>What was declared, by kind and name.</summary>
    public IReadOnlyCollection<ProvidedName> Names => _items.Keys;

    public IEnumerable<BlockDriver> Drivers => _items.Values.OfType<BlockDriver>();

    internal IEnumerable<KeyValuePair<ProvidedName, object>> Items => _items;

    /// <summary>Runs <paramref name="register"/> and keeps what it declares.</summary>
    /// <exception cref="PluginException">It threw, declared a name twice, or declared a name that is not well formed; the message is a reason, without a subject.</exception>
    public static RegistrationDraft Of(PluginOwner owner, Action<IPluginRegistry> register)
    {
        var draft = new RegistrationDraft(owner);
        try
        {
            register(draft);
        }
        catch (Exception e) when (e is not PluginException)
        {
            throw new PluginException($"failed in Register: {e.GetType().Name}: {e.Message}", e);
        }

        return draft;
    }

    public void Add(BlockDriver driver) => Put(ProvidedKind.Driver, driver.FormatName, driver);

    public void Add(JobType jobType) => Put(ProvidedKind.Job, jobType.Name, jobType);

    public void Add(TransactionAction action) => Put(ProvidedKind.Action, action.Name, action);

    public void Add(YankInstanceProvider provider) => Put(ProvidedKind.Yank, provider.InstanceType, provider);

    public void Add(DeviceModel model) => Put(ProvidedKind.Device, model.Name, model);

    public void Add(ExportType exportType) => Put(ProvidedKind.Export, exportType.Name, exportType);

    public void Add(QmpCommand command) => Put(ProvidedKind.Command, command.Name, command);

    public void Add(QmpEvent qmpEvent) => Put(ProvidedKind.Event, qmpEvent.Name, qmpEvent);

    public void Add(QmpType type) => Put(ProvidedKind.Type, type.Name, type);

    private void Put(ProvidedKind kind, string name, object item)
    {
        var key = new ProvidedName(kind, name);
        if (!IsWellFormed(name))
            throw new PluginException($"registers the {kind.Noun()} name '{name}', which is not well formed");
        if (!_items.TryAdd(key, item))
            throw new PluginException($"registers the {key} twice");
    }

    /// <summary>Names travel in JSON, command lines and messages: letters, digits, and "-_.:+".</summary>
    private static bool IsWellFormed(string? name) =>
        name is { Length: > 0 and <= 128 } && name.All(c => char.IsAsciiLetterOrDigit(c) || "-_.:+".Contains(c));
}
