// SPDX-License-Identifier: MIT
using BlockHost.Plugins;

namespace BlockHost.Core.Plugins;

/// <summary>
/// What one plugin declares, kept apart until all of it is known to be good: a plugin that throws half way through
/// Register leaves nothing behind.
/// </summary>
public sealed class RegistrationDraft : IPluginRegistry
{
    private readonly SortedDictionary<ProvidedName, IProvided> _things = [];

    private RegistrationDraft(PluginOwner owner) => Owner = owner;

    public PluginOwner Owner { get; }

    /// <summary>What was declared, by kind and name.</summary>
    public IReadOnlyCollection<ProvidedName> Names => _things.Keys;

    /// <summary>The same, itself.</summary>
    public IReadOnlyCollection<IProvided> Things => _things.Values;

    /// <summary>Runs <paramref name="register"/> and keeps what it declares.</summary>
    /// <exception cref="PluginException">It threw, declared a name twice, or declared a name that is not well formed; the message
    /// is a reason, without a subject.</exception>
    public static RegistrationDraft Of(PluginOwner owner, Action<IPluginRegistry> register)
    {
        var draft = new RegistrationDraft(owner);
        try
        {
            register(draft);
        }
        catch (Exception e) when (e is not PluginException)
        {
            throw new PluginException($"failed in Register: {e.GetType().Name}: {e.Message}", e);
        }

        return draft;
    }

    public void Add(IProvided thing)
    {
        var key = ProvidedName.Of(thing);
        if (!IsWellFormed(key.Name))
            throw new PluginException($"registers the {key.Kind.Noun} name '{key.Name}', which is not well formed");
        if (!key.Kind.Accepts(thing))
            throw new PluginException($"registers the {key}, which is a {thing.GetType()}");
        if (!_things.TryAdd(key, thing))
            throw new PluginException($"registers the {key} twice");
    }

    /// <summary>Names travel in JSON, command lines and messages: letters, digits, and "-_.:+".</summary>
    private static bool IsWellFormed(string? name) =>
        name is { Length: > 0 and <= 128 } && name.All(c => char.IsAsciiLetterOrDigit(c) || "-_.:+".Contains(c));
}
