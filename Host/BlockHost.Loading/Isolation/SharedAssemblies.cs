// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.Loader;

namespace BlockHost.Loading;

/// <summary>
/// The assemblies that plugins get from the host: those of the shared types, all that these refer to, and the runtime's
/// own. They come from the context the shared type itself lives in, which need not be the default one.
/// </summary>
/// <remarks>
/// A plugin that was compiled against a newer version than the host's is an error. Falling back to a copy beside the
/// plugin would load a second contract, whose types are not the host's: casts fail, and nothing says why.
/// </remarks>
internal sealed class SharedAssemblies
{
    private readonly Dictionary<string, Assembly> _assemblies = new(StringComparer.OrdinalIgnoreCase);
    private readonly HashSet<string> _private;
    private readonly AssemblyLoadContext _home;

    /// <param name="sharedTypes">At least one; the first one's context is the home of the runtime's assemblies.</param>
    /// <param name="privateAssemblies">Simple names that plugins bring themselves, whatever the shared types refer to.</param>
    public SharedAssemblies(IReadOnlyList<Type> sharedTypes, IEnumerable<string> privateAssemblies)
    {
        _private = privateAssemblies.ToHashSet(StringComparer.OrdinalIgnoreCase);
        _home = ContextOf(sharedTypes[0].Assembly);
        foreach (var type in sharedTypes)
            Include(type.Assembly);
    }

    /// <summary>The host's assembly of that name, whatever version is wanted.</summary>
    public bool TryGet(AssemblyName wanted, [NotNullWhen(true)] out Assembly? shared)
    {
        shared = null;
        if (wanted.Name is not { } name || !string.IsNullOrEmpty(wanted.CultureName) || _private.Contains(name))
            return false;
        if (!_assemblies.TryGetValue(name, out shared))
        {
            if (!IsOfRuntime(name))
                return false;
            shared = _home.LoadFromAssemblyName(new AssemblyName(name));
        }

        return true;
    }

    /// <returns>Why a plugin cannot have what it wants, to follow "it "; null where it can, or where that is not
    /// shared.</returns>
    public string? Objection(AssemblyName wanted) =>
        TryGet(wanted, out var shared)
        && wanted.Version is { } version && shared.GetName().Version is { } present && version > present
            ? $"needs {wanted.Name} {version}, but the host has {present}"
            : null;

    private static AssemblyLoadContext ContextOf(Assembly assembly) =>
        AssemblyLoadContext.GetLoadContext(assembly) ?? AssemblyLoadContext.Default;

    /// <summary>The runtime's assemblies are many and known by where they lie: they are loaded only when asked for.</summary>
    private static bool IsOfRuntime(string name) =>
        File.Exists(Path.Combine(Path.GetDirectoryName(typeof(object).Assembly.Location)!, name + ".dll"));

    /// <summary>Eagerly and over all references, so that what is shared does not depend on who asks first.</summary>
    private void Include(Assembly assembly)
    {
        if (assembly.GetName().Name is not { } name || _private.Contains(name) || IsOfRuntime(name)
            || !_assemblies.TryAdd(name, assembly))
            return;
        var context = ContextOf(assembly);
        foreach (var reference in assembly.GetReferencedAssemblies().Where(reference => !IsOfRuntime(reference.Name!)))
            Include(context.LoadFromAssemblyName(reference));
    }
}
