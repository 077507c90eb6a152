// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Plugins;

namespace BlockHost.Yank;

/// <summary>
/// A kind of thing that yank can recover from (a branch of YankInstance), such as "block-node". Instances register
/// their functions with <see cref="IYankRegistry"/>.
/// </summary>
public abstract class YankInstanceProvider : IProvided
{
    ProvidedKind IProvided.Kind => ProvidedKind.Yank;

    string IProvided.Name => InstanceType;

    /// <summary>The value of "type".</summary>
    public abstract string InstanceType { get; }

    /// <summary>Members that identify an instance, beside "type"; null: the type has one instance only.</summary>
    public virtual JsonTypeInfo? IdentityType => null;
}

/// <summary>Identifies an instance: its type and the members of the type's identity (default: none).</summary>
public sealed record YankInstance(string Type, JsonElement Identity);

public interface IYankRegistry
{
    /// <summary>
    /// Adds an instance, or one more function to an existing one. <paramref name="yank"/> runs out of band: any thread,
    /// no blocking, no lock that I/O can hold. Dispose takes the function away.
    /// </summary>
    IDisposable Register(YankInstance instance, Action yank);
}
