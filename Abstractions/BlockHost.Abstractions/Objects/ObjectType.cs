// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Objects;

/// <summary>A kind of object that object-add makes: a branch of ObjectOptions, by "qom-type".</summary>
public abstract class ObjectType : IProvided
{
    ProvidedKind IProvided.Kind => ProvidedKind.Object;

    /// <summary>The value of "qom-type".</summary>
    public abstract string Name { get; }

    /// <summary>What qom-list-types shows as the type's parent.</summary>
    public virtual string Parent => "object";

    /// <summary>The type's properties, without "qom-type" and "id".</summary>
    public abstract JsonTypeInfo OptionsType { get; }

    /// <param name="options">Validated against <see cref="OptionsType"/>.</param>
    /// <exception cref="QmpException">The properties do not make an object.</exception>
    public abstract UserObject Create(IObjectContext context, JsonElement options);
}

/// <summary>An object type with typed properties.</summary>
public abstract class ObjectType<TOptions> : ObjectType
    where TOptions : class
{
    private JsonTypeInfo<TOptions>? _deep;

    public sealed override JsonTypeInfo OptionsType => TypedOptionsType;

    /// <summary>Source-generated metadata of <typeparamref name="TOptions"/>.</summary>
    protected abstract JsonTypeInfo<TOptions> TypedOptionsType { get; }

    public sealed override UserObject Create(IObjectContext context, JsonElement options) =>
        Create(context, options.Deserialize(_deep ??= TypedOptionsType.Deep())!);

    /// <inheritdoc cref="ObjectType.Create"/>
    protected abstract UserObject Create(IObjectContext context, TOptions options);
}

/// <summary>The object to be.</summary>
public interface IObjectContext
{
    string Id { get; }

    /// <summary>Its <see cref="IDriverHost.Objects"/> are those that the new one can refer to.</summary>
    IDriverHost Host { get; }
}
