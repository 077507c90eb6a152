// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Objects;

namespace BlockHost.Core.Objects;

/// <summary>A kind of object that object-add can make: a branch of ObjectOptions, by "qom-type".</summary>
public abstract class ObjectType
{
    public abstract string Name { get; }

    /// <summary>The type's own properties, without "qom-type" and "id".</summary>
    public abstract JsonTypeInfo OptionsType { get; }

    /// <exception cref="Qmp.QmpException">The properties do not make an object; the text is QEMU's.</exception>
    public abstract object Create(JsonElement options, IUserObjects others);
}

/// <summary>An object type with typed properties.</summary>
public abstract class ObjectType<TOptions>(string name, JsonTypeInfo<TOptions> optionsType) : ObjectType
    where TOptions : class
{
    public sealed override string Name { get; } = name;

    public sealed override JsonTypeInfo OptionsType => optionsType;

    public sealed override object Create(JsonElement options, IUserObjects others) =>
        Create(options.Deserialize(optionsType)!, others);

    protected abstract object Create(TOptions options, IUserObjects others);
}
