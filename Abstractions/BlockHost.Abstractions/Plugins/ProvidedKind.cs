// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Chardevs;
using BlockHost.Devices;
using BlockHost.Exports;
using BlockHost.Jobs;
using BlockHost.Objects;
using BlockHost.Qmp;
using BlockHost.Yank;

namespace BlockHost.Plugins;

/// <summary>Something that a plugin provides under a name: a driver, a command, an event.</summary>
public interface IProvided
{
    ProvidedKind Kind { get; }

    /// <summary>Unique among all that is provided of the kind.</summary>
    string Name { get; }
}

/// <summary>
/// A kind of things that plugins provide. All that the host does with a kind (manifests, registration, loading on demand,
/// unloading, introspection, listings) goes by <see cref="All"/>: a new kind is a class that implements
/// <see cref="IProvided"/> and a line here.
/// </summary>
public abstract class ProvidedKind
{
    private protected ProvidedKind(string id, string noun)
    {
        Id = id;
        Noun = noun;
    }

    public static ProvidedKind<BlockDriver> Driver { get; } = new("drivers", "block driver");

    public static ProvidedKind<JobType> Job { get; } = new("jobs", "job type");

    public static ProvidedKind<TransactionAction> Action { get; } = new("actions", "transaction action");

    public static ProvidedKind<YankInstanceProvider> Yank { get; } = new("yank", "yank instance type");

    public static ProvidedKind<DeviceModel> Device { get; } = new("devices", "device model");

    public static ProvidedKind<ExportType> Export { get; } = new("exports", "export type");

    public static ProvidedKind<QmpCommand> Command { get; } = new("commands", "command");

    public static ProvidedKind<QmpEvent> Event { get; } = new("events", "event");

    public static ProvidedKind<QmpType> Type { get; } = new("types", "schema type");

    public static ProvidedKind<ObjectType> Object { get; } = new("objects", "object type");

    public static ProvidedKind<ChardevBackend> Chardev { get; } = new("chardevs", "character device backend");

    /// <summary>In the order of listings.</summary>
    public static IReadOnlyList<ProvidedKind> All { get; } = [
        Driver, Job, Action, Yank, Device, Export, Command, Event, Type, Object, Chardev];

    /// <summary>The kind's member of "provides" in a manifest, such as "drivers".</summary>
    public string Id { get; }

    /// <summary>One thing of the kind in messages, such as "block driver".</summary>
    public string Noun { get; }

    /// <summary>The thing is what the host takes for one of this kind.</summary>
    public abstract bool Accepts(IProvided thing);

    public override string ToString() => Id;
}

/// <summary>A kind of things that derive from one class.</summary>
public sealed class ProvidedKind<T> : ProvidedKind
    where T : class, IProvided
{
    internal ProvidedKind(string id, string noun)
        : base(id, noun)
    {
    }

    public override bool Accepts(IProvided thing) => thing is T;
}
