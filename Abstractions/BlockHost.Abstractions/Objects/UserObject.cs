// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;

namespace BlockHost.Objects;

/// <summary>
/// An object made by object-add. What it is for others it says by interfaces (<see cref="IUserObjects.TryGet"/>).
/// </summary>
public abstract class UserObject : IAsyncDisposable
{
    /// <summary>
    /// Called before the object is deleted. False: it is in use and stays. After true nobody can begin to use it any more.
    /// </summary>
    public virtual bool TryRetire() => true;

    /// <summary>The property's present value; null: it cannot be read.</summary>
    /// <param name="name">One of the type's options.</param>
    public virtual JsonElement? GetProperty(string name) => null;

    /// <summary>Changes a property; false: it cannot be written.</summary>
    /// <param name="name">One of the type's options.</param>
    /// <param name="value">Validated against the option's type.</param>
    /// <exception cref="Qmp.QmpException">The value is refused; the property is as it was.</exception>
    public virtual bool TrySetProperty(string name, JsonElement value) => false;

    public virtual ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>An object whose properties are the options that it was made with.</summary>
public abstract class UserObject<TOptions>(JsonTypeInfo<TOptions> type) : UserObject
    where TOptions : class
{
    /// <summary>What the properties are now; one that is null cannot be read.</summary>
    protected abstract TOptions Properties { get; }

    public sealed override JsonElement? GetProperty(string name) =>
        JsonSerializer.SerializeToElement(Properties, type).TryGetProperty(name, out var value)
            && value.ValueKind != JsonValueKind.Null
            ? value
            : null;

    public sealed override bool TrySetProperty(string name, JsonElement value)
    {
        var changed = JsonSerializer.SerializeToNode(Properties, type)!.AsObject();
        changed[name] = JsonNode.Parse(value.GetRawText());
        return TryChange(name, changed.Deserialize(type)!);
    }

    /// <param name="name">The property that is to be set.</param>
    /// <param name="changed">All properties, with that one set.</param>
    /// <inheritdoc cref="UserObject.TrySetProperty"/>
    protected virtual bool TryChange(string name, TOptions changed) => false;
}
