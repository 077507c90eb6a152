// SPDX-License-Identifier: MIT
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using BlockHost.Core.Plugins;

namespace BlockHost.Loading;

/// <summary>
/// Loads one plugin's assemblies into a context of their own: private dependencies may differ in version from the
/// host's and from other plugins'; the assemblies of <c>sharedTypes</c> are the host's. A small class over the library that
/// makes the context, so that the library can be replaced (docs/decisions/01).
/// </summary>
public sealed class PluginLoader : IDisposable
{
    private readonly PluginImage _image;
    private readonly SharedAssemblies _shared;
    private AssemblyLoadContext? _context;

    private PluginLoader(PluginImage image, SharedAssemblies shared, AssemblyLoadContext context)
    {
        _image = image;
        _shared = shared;
        _context = context;
    }

    public bool IsUnloadable => Context.IsCollectible;

    private AssemblyLoadContext Context => _context ?? throw new ObjectDisposedException(nameof(PluginLoader));

    /// <param name="path">Absolute path of the plugin's main assembly.</param>
    /// <param name="sharedTypes">Types whose assemblies, with all they refer to, the plugin gets from the host.</param>
    /// <param name="unloadable">The code can be unloaded again; it is then a little slower to start.</param>
    /// <exception cref="BlockHost.Plugins.PluginException">The file is missing or unreadable.</exception>
    public static PluginLoader FromAssembly(string path, IReadOnlyList<Type> sharedTypes, bool unloadable) =>
        FromImage(PluginImage.Read(path), sharedTypes, unloadable);

    /// <summary>As <see cref="FromAssembly"/>, from bytes that have been verified.</summary>
    /// <param name="privateAssemblies">Simple names that the plugin brings itself though the shared types refer to them.</param>
    public static PluginLoader FromImage(
        PluginImage image, IReadOnlyList<Type> sharedTypes, bool unloadable, IEnumerable<string>? privateAssemblies = null)
    {
        var shared = new SharedAssemblies(sharedTypes, privateAssemblies ?? []);
        return FromImage(image, PluginFolder.Read(image.Path, shared), shared, unloadable, new ThreadLedger());
    }

    internal static PluginLoader FromImage(
        PluginImage image, PluginFolder folder, SharedAssemblies shared, bool unloadable, ThreadLedger threads)
    {
        var context = PluginContext.Create(image.Path, folder, shared, unloadable);
        if (unloadable)
        {
            threads.Note(image.Path, ThreadUse.Find(image.Buffer), context);
            foreach (var library in folder.Libraries)
                threads.Note(library.Path, library.ThreadMaker, context);
        }

        return new PluginLoader(image, shared, context);
    }

    /// <summary>From the bytes that were verified; the library would read the file again.</summary>
    public Assembly LoadDefaultAssembly()
    {
        using var assembly = new MemoryStream(_image.Buffer, writable: false);
        var symbols = Path.ChangeExtension(_image.Path, ".pdb");
        if (!File.Exists(symbols))
            return Context.LoadFromStream(assembly);
        using var pdb = new MemoryStream(File.ReadAllBytes(symbols), writable: false);
        return Context.LoadFromStream(assembly, pdb);
    }

    /// <summary>An assembly as the plugin itself would get it.</summary>
    /// <exception cref="FileLoadException">It is shared, and the host's is older.</exception>
    public Assembly LoadAssembly(AssemblyName name)
    {
        if (_shared.Objection(name) is { } objection)
            throw new FileLoadException($"it {objection}", name.Name);
        return Context.LoadFromAssemblyName(name);
    }

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
