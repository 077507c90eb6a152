// SPDX-License-Identifier: MIT
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using BlockHost.Core.Plugins;

namespace BlockHost.Loading;

/// <summary>
/// Loads one plugin's assemblies into a context of their own: private dependencies may differ in version from the
/// host's and from other plugins'; the assemblies of <c>sharedTypes</c> are the host's. Deliberately small: it can be
/// replaced by a library that does the same.
/// </summary>
public sealed class PluginLoader : IDisposable
{
    private readonly PluginImage _image;
    private PluginLoadContext? _context;

    private PluginLoader(PluginImage image, PluginLoadContext context)
    {
        _image = image;
        _context = context;
    }

    public bool IsUnloadable => Context.IsCollectible;

    private PluginLoadContext Context => _context ?? throw new ObjectDisposedException(nameof(PluginLoader));

    /// <param name="path">Absolute path of the plugin's main assembly.</param>
    /// <param name="sharedTypes">Types whose assemblies, with all they refer to, the plugin gets from the host.</param>
    /// <param name="unloadable">The code can be unloaded again; it is then a little slower to start.</param>
    /// <exception cref="BlockHost.Plugins.PluginException">The file is missing or unreadable.</exception>
    public static PluginLoader FromAssembly(string path, IReadOnlyList<Type> sharedTypes, bool unloadable) =>
        FromImage(PluginImage.Read(path), sharedTypes, unloadable);

    /// <summary>As <see cref="FromAssembly"/>, from bytes that have been verified.</summary>
    /// <param name="privateAssemblies">Simple names that the plugin brings itself though the shared types refer to them.</param>
    public static PluginLoader FromImage(
        PluginImage image, IReadOnlyList<Type> sharedTypes, bool unloadable, IEnumerable<string>? privateAssemblies = null) =>
        FromImage(image, sharedTypes, unloadable, new ThreadLedger(), privateAssemblies);

    internal static PluginLoader FromImage(
        PluginImage image, IReadOnlyList<Type> sharedTypes, bool unloadable, ThreadLedger threads, IEnumerable<string>? privateAssemblies = null) =>
        new(image, new PluginLoadContext(image.Path, new SharedAssemblies(sharedTypes, privateAssemblies ?? []), unloadable, threads));

    public Assembly LoadDefaultAssembly() => Context.LoadBytes(_image.Path, _image.Buffer);

    /// <summary>An assembly as the plugin itself would get it.</summary>
    public Assembly LoadAssembly(AssemblyName name) => Context.LoadFromAssemblyName(name);

    /// <summary>While the scope lives, <c>Type.GetType("T, PluginAssembly")</c> finds the plugin's types.</summary>
    public AssemblyLoadContext.ContextualReflectionScope EnterContextualReflection() => Context.EnterContextualReflection();

    /// <summary>Asks the runtime to unload the code as soon as nothing refers to it any more.</summary>
    /// <exception cref="InvalidOperationException">The plugin was not loaded as unloadable.</exception>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public IUnloadProof Unload()
    {
        var context = Context;
        if (!context.IsCollectible)
            throw new InvalidOperationException($"The plugin {_image.Path} was not loaded to be unloaded");
        _context = null;
        var proof = new UnloadProof(new WeakReference(context, trackResurrection: true));
        context.Unload();
        return proof;
    }

    /// <summary>Unloads where possible.</summary>
    public void Dispose()
    {
        if (_context is { IsCollectible: true })
            Unload();
        _context = null;
    }

    private sealed class UnloadProof(WeakReference context) : IUnloadProof
    {
        public bool IsCollected => !context.IsAlive;
    }
}
