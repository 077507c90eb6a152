// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Devices;
using BlockHost.Exports;
using BlockHost.Jobs;
using BlockHost.Plugins;
using BlockHost.Qmp;
using BlockHost.Yank;

namespace BlockHost.Core.Plugins;

/// <summary>What is registered now, by the host and by loaded plugins. Registration is whole or nothing.</summary>
internal sealed class PluginRegistry
{
    private readonly Lock _gate = new();
    private readonly Dictionary<ProvidedName, PluginOwner> _owners = [];

    public ProvidedSet<BlockDriver> Drivers { get; } = new();

    public ProvidedSet<JobType> Jobs { get; } = new();

    public ProvidedSet<TransactionAction> Actions { get; } = new();

    public ProvidedSet<YankInstanceProvider> Yank { get; } = new();

    public ProvidedSet<DeviceModel> Devices { get; } = new();

    public ProvidedSet<ExportType> Exports { get; } = new();

    public ProvidedSet<QmpCommand> Commands { get; } = new();

    public ProvidedSet<QmpEvent> Events { get; } = new();

    public ProvidedSet<QmpType> Types { get; } = new();

    /// <exception cref="PluginException">A name is taken; nothing has been added.</exception>
    public void Add(RegistrationDraft draft)
    {
        lock (_gate)
        {
            RefuseDuplicates(draft);
            foreach (var (key, item) in draft.Items)
            {
                _owners.Add(key, draft.Owner);
                Add(key, draft.Owner, item);
            }
        }
    }

    /// <exception cref="PluginException">A name is taken.</exception>
    public void Check(RegistrationDraft draft)
    {
        lock (_gate)
            RefuseDuplicates(draft);
    }

    public void Remove(PluginOwner owner)
    {
        lock (_gate)
        {
            foreach (var key in _owners.Where(pair => pair.Value == owner).Select(pair => pair.Key).ToList())
                _owners.Remove(key);
            Drivers.Remove(owner);
            Jobs.Remove(owner);
            Actions.Remove(owner);
            Yank.Remove(owner);
            Devices.Remove(owner);
            Exports.Remove(owner);
            Commands.Remove(owner);
            Events.Remove(owner);
            Types.Remove(owner);
        }
    }

    private void RefuseDuplicates(RegistrationDraft draft)
    {
        foreach (var key in draft.Names)
        {
            if (_owners.TryGetValue(key, out var other))
                throw new PluginException($"provides the {key}, which plugin '{other.Identity.Id}' already provides");
        }
    }

    private void Add(ProvidedName key, PluginOwner owner, object item)
    {
        switch (item)
        {
            case BlockDriver driver: Drivers.Add(new(key.Name, owner, driver)); break;
            case JobType job: Jobs.Add(new(key.Name, owner, job)); break;
            case TransactionAction action: Actions.Add(new(key.Name, owner, action)); break;
            case YankInstanceProvider yank: Yank.Add(new(key.Name, owner, yank)); break;
            case DeviceModel device: Devices.Add(new(key.Name, owner, device)); break;
            case ExportType export: Exports.Add(new(key.Name, owner, export)); break;
            case QmpCommand command: Commands.Add(new(key.Name, owner, command)); break;
            case QmpEvent qmpEvent: Events.Add(new(key.Name, owner, qmpEvent)); break;
            case QmpType type: Types.Add(new(key.Name, owner, type)); break;
            default: throw new ArgumentException($"{item.GetType()} is not a kind of thing that plugins provide", nameof(item));
        }
    }
}
