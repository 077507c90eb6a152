// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Core.Objects.Types;
using BlockHost.Objects;
using BlockHost.Qmp;

namespace BlockHost.Core.Objects;

/// <summary>The objects that object-add has made, by id.</summary>
public sealed class UserObjects : IUserObjects
{
    private readonly ConcurrentDictionary<string, object> _objects = new(StringComparer.Ordinal);
    // Most programs that have this table make no object.
    private readonly Lazy<Dictionary<string, ObjectType>> _types;

    public UserObjects()
        : this(() => [new SecretType(), new TlsCredsX509Type(), new IoThreadType(), new AuthzSimpleType(), new AuthzListType()])
    {
    }

    public UserObjects(Func<IEnumerable<ObjectType>> types) =>
        _types = new(() => types().ToDictionary(type => type.Name, StringComparer.Ordinal));

    /// <summary>The kinds of objects there are: the branches of ObjectOptions.</summary>
    public IReadOnlyCollection<ObjectType> Types => _types.Value.Values;

    public bool TryGet<T>(string id, [NotNullWhen(true)] out T? found)
        where T : class
    {
        found = _objects.GetValueOrDefault(id) as T;
        return found is not null;
    }

    /// <summary>object-add. The options hold "qom-type", "id" and the type's properties.</summary>
    /// <exception cref="QmpException">With QEMU's text.</exception>
    public void Add(JsonElement options)
    {
        var properties = JsonObject.Create(options)!;
        var typeName = Take(properties, "qom-type");
        var id = Take(properties, "id");
        if (!_types.Value.TryGetValue(typeName, out var type))
            throw new QmpException($"Parameter 'qom-type' does not accept value '{typeName}'");
        if (!Identifier.IsWellFormed(id))
            throw new QmpException("Parameter 'id' expects an identifier");

        using var document = JsonDocument.Parse(properties.ToJsonString());
        var created = type.Create(document.RootElement, this);
        if (_objects.TryAdd(id, created))
            return;
        (created as IDisposable)?.Dispose();
        throw new QmpException($"attempt to add duplicate property '{id}' to object (type 'container')");
    }

    /// <summary>object-del. A user that still holds the object keeps it until it is done.</summary>
    public void Remove(string id)
    {
        if (!_objects.TryRemove(id, out _))
            throw new QmpException($"object '{id}' not found");
    }

    private static string Take(JsonObject properties, string name)
    {
        if (!properties.Remove(name, out var value) || value is null)
            throw new QmpException($"Parameter '{name}' is missing");
        return value.GetValue<string>();
    }
}
