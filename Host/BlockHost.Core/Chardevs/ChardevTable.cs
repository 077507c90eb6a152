// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Chardevs;
using BlockHost.Core.Json;
using BlockHost.Core.Plugins;
using BlockHost.Objects;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Core.Chardevs;

/// <summary>The character devices, by id.</summary>
/// <param name="objects">Where TLS credentials are.</param>
/// <param name="clock">For times of waiting.</param>
/// <param name="plugins">Where backends come from; null: the host's own are all there are.</param>
/// <param name="host">What plugins get.</param>
public sealed class ChardevTable(
    IUserObjects objects, TimeProvider clock, IPluginCatalog? plugins = null, Func<IPluginHost>? host = null)
    : IChardevs, IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, Entry> _devices = new(StringComparer.Ordinal);

    /// <summary>Makes and starts a device of the command line.</summary>
    /// <param name="waiting">Told when a server's start waits for its first client.</param>
    public async ValueTask<Chardev> AddAsync(ChardevOptions options, Action<string>? waiting, CancellationToken cancellationToken)
    {
        RefuseTaken(options.Id);
        Chardev device;
        if (options is SocketChardevOptions socket)
            device = await StartAsync(socket, waiting, cancellationToken).ConfigureAwait(false);
        else
            device = new StdioChardev(options.Id);
        return Keep(new Entry(device, null));
    }

    /// <summary>Makes a device of chardev-add.</summary>
    /// <param name="backend">A valid ChardevBackend: {"type": …, "data": {…}}.</param>
    /// <exception cref="QmpException">With QEMU's text.</exception>
    public async ValueTask<Chardev> AddAsync(string id, JsonElement backend, CancellationToken cancellationToken)
    {
        RefuseTaken(id);
        try
        {
            return await AddPlainlyAsync(id, backend, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is QmpException or BlockException or IOException or UnauthorizedAccessException)
        {
            throw new QmpException(QmpErrorClass.GenericError, $"Failed to add chardev '{id}': {e.Message}", e);
        }
    }

    /// <summary>The same, where the caller says which device an error is about.</summary>
    public async ValueTask<Chardev> AddPlainlyAsync(string id, JsonElement backend, CancellationToken cancellationToken)
    {
        RefuseTaken(id);
        return Keep(await OpenAsync(id, backend, cancellationToken).ConfigureAwait(false));
    }

    /// <summary>The device of that id, as monitors name it.</summary>
    public Chardev Find(string id) => Find(id, static name => new QmpException($"chardev \"{name}\" not found"));

    /// <summary>The device of that id, as commands name it.</summary>
    public Chardev Named(string id) => Find(id, static name => new QmpException($"Chardev '{name}' not found"));

    public Chardev Find(string id, Func<string, QmpException> missing) =>
        TryFind(id, out var entry) ? entry.Device : throw missing(id);

    /// <summary>A plugin finds what it has made.</summary>
    Chardev? IChardevs.Find(string id) =>
        !TryFind(id, out var entry) ? null : entry.Device is LoggedChardev logged ? logged.Device : entry.Device;

    public IReadOnlyList<Chardev> List() =>
        [.. _devices.Values.OrderBy(entry => entry.Order).Select(entry => entry.Device)];

    /// <summary>Somebody uses the device.</summary>
    public bool IsTaken(Chardev device) => TryFind(device.Id, out var entry) && entry.Device == device && entry.IsTaken;

    /// <summary>From now on the device is in use, for good.</summary>
    public void Take(Chardev device)
    {
        if (TryFind(device.Id, out var entry) && entry.Device == device)
            entry.IsTaken = true;
    }

    /// <exception cref="QmpException">There is none, or somebody uses it.</exception>
    public void RefuseChange(string id)
    {
        var device = Find(id, static name => new QmpException($"Chardev '{name}' does not exist"));
        if (IsTaken(device))
            throw new QmpException("Chardev user does not support chardev hotswap");
    }

    /// <summary>Who used the device has ended.</summary>
    internal void Release(Chardev device)
    {
        if (TryFind(device.Id, out var entry) && entry.Device == device)
            entry.IsTaken = false;
    }

    public async ValueTask RemoveAsync(string id)
    {
        if (!TryFind(id, out var entry))
            throw new QmpException($"Chardev '{id}' not found");
        if (entry.IsTaken || !_devices.TryRemove(new(id, entry)))
            throw new QmpException($"Chardev '{id}' is busy");
        await entry.DisposeAsync().ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var id in _devices.Keys)
        {
            if (_devices.TryRemove(id, out var entry))
                await entry.DisposeAsync().ConfigureAwait(false);
        }
    }

    private bool TryFind(string id, [NotNullWhen(true)] out Entry? entry) => _devices.TryGetValue(id, out entry);

    private void RefuseTaken(string id)
    {
        if (_devices.ContainsKey(id))
            throw new QmpException($"Chardev with id '{id}' already exists");
    }

    private Chardev Keep(Entry entry)
    {
        entry.Order = _devices.Count == 0 ? 0 : _devices.Values.Max(other => other.Order) + 1;
        _devices[entry.Device.Id] = entry;
        return entry.Device;
    }

    private async ValueTask<SocketChardev> StartAsync(
        SocketChardevOptions options, Action<string>? waiting, CancellationToken cancellationToken)
    {
        var address = host is null ? options.Address : host().Descriptors.Resolve(options.Address);
        var device = new SocketChardev(options with { Address = address }, objects, clock);
        device.Waiting += waiting;
        try
        {
            if (host is not null)
                device.EndsWith(new Context(options.Id, host()).OnYank(device.Yank));
            await device.StartAsync(cancellationToken).ConfigureAwait(false);
            return device;
        }
        catch
        {
            await device.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private async ValueTask<Entry> OpenAsync(string id, JsonElement backend, CancellationToken cancellationToken)
    {
        var type = JsonObjects.StringMember(backend, "type")!;
        var lease = plugins is null
            ? null
            : await plugins.Of(ProvidedKind.Chardev).LeaseAsync(
                type, $"chardev '{id}'", brief: false, cancellationToken).ConfigureAwait(false);
        if (lease is null)
            throw new QmpException($"'{type}' is not a valid char driver name");
        try
        {
            var device = await lease.Value.OpenAsync(
                new Context(id, host!()), backend.GetProperty("data"), cancellationToken).ConfigureAwait(false);
            return new Entry(Logged(device, backend.GetProperty("data"), host!().Descriptors), lease.Use);
        }
        catch
        {
            lease.Use.Dispose();
            throw;
        }
    }

    private static Chardev Logged(Chardev device, JsonElement data, IPassedDescriptors passed) =>
        JsonObjects.StringMember(data, "logfile") is { } path
            ? new LoggedChardev(device, path, data.TryGetProperty("logappend", out var append) && append.GetBoolean(), passed)
            : device;

    private sealed class Context(string id, IPluginHost host) : IChardevContext
    {
        public string Id => id;

        public IPluginHost Host => host;

        public IDisposable OnYank(Action shutDown) => host.Yank.Register(ChardevYank.InstanceOf(id), shutDown);
    }

    /// <param name="use">Keeps the backend's plugin loaded; null: it is the host's.</param>
    private sealed class Entry(Chardev device, IDisposable? use) : IAsyncDisposable
    {
        private volatile bool _isTaken;

        public Chardev Device => device;

        public int Order { get; set; }

        public bool IsTaken
        {
            get => _isTaken;
            set => _isTaken = value;
        }

        public async ValueTask DisposeAsync()
        {
            await device.DisposeAsync().ConfigureAwait(false);
            use?.Dispose();
        }
    }
}
