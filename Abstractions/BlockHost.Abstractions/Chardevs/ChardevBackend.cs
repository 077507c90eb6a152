// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Chardevs;

/// <summary>
/// A kind of character device (a branch of ChardevBackend), such as "file": makes what --chardev and chardev-add ask for.
/// </summary>
public abstract class ChardevBackend : IProvided
{
    ProvidedKind IProvided.Kind => ProvidedKind.Chardev;

    string IProvided.Name => BackendName;

    /// <summary>The value of "type", and the first word of --chardev.</summary>
    public abstract string BackendName { get; }

    /// <summary>The type above "chardev-NAME" in the object model: "chardev" or "chardev-fd".</summary>
    public virtual string QomParent => "chardev";

    /// <summary>Metadata of the branch's "data".</summary>
    public abstract JsonTypeInfo OptionsType { get; }

    /// <summary>
    /// The data that a command line stands for, where its options are named otherwise than the data's members. Strings are turned
    /// into the members' types afterwards. Default: they are named alike.
    /// </summary>
    /// <exception cref="QmpException">With the text that follows the option on QEMU's command line.</exception>
    public virtual JsonObject FromCommandLine(IReadOnlyDictionary<string, string> options)
    {
        var data = new JsonObject();
        foreach (var (name, value) in options)
            data[name] = value;
        return data;
    }

    /// <summary>Opens a device: what can fail, fails here.</summary>
    /// <exception cref="QmpException">It cannot be opened.</exception>
    public abstract ValueTask<Chardev> OpenAsync(
        IChardevContext context, JsonElement options, CancellationToken cancellationToken);
}

/// <summary>A backend with typed options.</summary>
public abstract class ChardevBackend<TOptions> : ChardevBackend
    where TOptions : class
{
    private JsonTypeInfo<TOptions>? _deep;

    public sealed override JsonTypeInfo OptionsType => TypedOptionsType;

    /// <summary>Source-generated metadata of <typeparamref name="TOptions"/>.</summary>
    protected abstract JsonTypeInfo<TOptions> TypedOptionsType { get; }

    public sealed override ValueTask<Chardev> OpenAsync(
        IChardevContext context, JsonElement options, CancellationToken cancellationToken) =>
        OpenAsync(context, options.Deserialize(_deep ??= TypedOptionsType.Deep())!, cancellationToken);

    protected abstract ValueTask<Chardev> OpenAsync(
        IChardevContext context, TOptions options, CancellationToken cancellationToken);
}

/// <summary>What a device sees of the host while it opens, and afterwards.</summary>
public interface IChardevContext
{
    string Id { get; }

    IPluginHost Host { get; }

    /// <summary>
    /// Lists the device in query-yank until the result is disposed; the function is as that of
    /// <see cref="Yank.IYankRegistry.Register"/>.
    /// </summary>
    IDisposable OnYank(Action shutDown);
}
