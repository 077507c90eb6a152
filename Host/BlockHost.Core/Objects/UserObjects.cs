// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Core.Plugins;
using BlockHost.Core.Qapi;
using BlockHost.Objects;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Core.Objects;

/// <summary>An object with its id and its type.</summary>
public sealed record NamedObject(string Id, ObjectType Type, UserObject Object);

/// <summary>The objects that object-add has made, by id. An object keeps the plugin of its type loaded.</summary>
public sealed class UserObjects(IPluginCatalog catalog, Func<IPluginHost> host) : IUserObjects, IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, (NamedObject Named, PluginUse Use)> _objects = new(StringComparer.Ordinal);
    private bool _hasHadAny;

    /// <summary>In the order in which they were made; null: there has never been one.</summary>
    public IReadOnlyList<NamedObject>? List()
    {
        lock (_gate)
            return _hasHadAny ? [.. _objects.Values.Select(entry => entry.Named)] : null;
    }

    public bool TryGet<T>(string id, [NotNullWhen(true)] out T? found)
        where T : class
    {
        lock (_gate)
            found = _objects.GetValueOrDefault(id).Named?.Object as T;
        return found is not null;
    }

    /// <summary>object-add. The options hold "qom-type", "id" and the type's properties.</summary>
    /// <exception cref="QmpException">With QEMU's text.</exception>
    public async ValueTask AddAsync(JsonElement options, CancellationToken cancellationToken)
    {
        var properties = JsonObject.Create(options)!;
        var typeName = Take(properties, "qom-type");
        var id = Take(properties, "id");
        var lease = await FindTypeAsync(typeName, $"object '{id}'", cancellationToken).ConfigureAwait(false);
        try
        {
            await AddAsync(lease, id, QmpJson.ToElement(properties)).ConfigureAwait(false);
        }
        catch
        {
            lease.Use.Dispose();
            throw;
        }
    }

    /// <summary>object-del. A user that still holds the object keeps it until it is done.</summary>
    public async ValueTask RemoveAsync(string id)
    {
        (NamedObject Named, PluginUse Use) entry;
        lock (_gate)
        {
            if (!_objects.TryGetValue(id, out entry))
                throw new QmpException($"object '{id}' not found");
            if (!entry.Named.Object.TryRetire())
                throw new QmpException($"object '{id}' is in use, can not be deleted");
            _objects.Remove(id);
        }

        await EndAsync(entry).ConfigureAwait(false);
    }

    /// <summary>The host ends: nothing uses the objects any more.</summary>
    public async ValueTask DisposeAsync()
    {
        List<(NamedObject, PluginUse)> all;
        lock (_gate)
        {
            all = [.. _objects.Values];
            _objects.Clear();
        }

        foreach (var entry in all)
            await EndAsync(entry).ConfigureAwait(false);
    }

    private static async ValueTask EndAsync((NamedObject Named, PluginUse Use) entry)
    {
        await entry.Named.Object.DisposeAsync().ConfigureAwait(false);
        entry.Use.Dispose();
    }

    private static string Take(JsonObject properties, string name)
    {
        if (!properties.Remove(name, out var value) || value is null)
            throw new QmpException(ParameterFault.Missing(name));
        return value.GetValue<string>();
    }

    private async ValueTask<ProvidedLease<ObjectType>> FindTypeAsync(
        string name, string user, CancellationToken cancellationToken)
    {
        try
        {
            return await catalog.Of(
                ProvidedKind.Object).LeaseAsync(name, user, brief: false, cancellationToken).ConfigureAwait(false)
                ?? throw QapiErrors.WrongValue("qom-type", name);
        }
        catch (PluginException e)
        {
            throw new QmpException(QmpErrorClass.GenericError, e.Message, e);
        }
    }

    private async ValueTask AddAsync(ProvidedLease<ObjectType> lease, string id, JsonElement properties)
    {
        if (!Identifier.IsWellFormed(id))
            throw new QmpException(ParameterFault.OutOfRange("id", "an identifier"));
        var created = lease.Value.Create(new Context(id, host()), properties);
        lock (_gate)
        {
            if (_objects.TryAdd(id, (new NamedObject(id, lease.Value, created), lease.Use)))
            {
                _hasHadAny = true;
                return;
            }
        }

        await created.DisposeAsync().ConfigureAwait(false);
        throw new QmpException($"attempt to add duplicate property '{id}' to object (type 'container')");
    }

    private sealed record Context(string Id, IDriverHost Host) : IObjectContext;
}
