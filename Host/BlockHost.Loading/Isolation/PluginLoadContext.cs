// SPDX-License-Identifier: MIT
using System.Reflection;
using System.Runtime.Loader;

namespace BlockHost.Loading;

/// <summary>
/// One plugin's own world of assemblies. Where a reference is looked for:
/// <code>
///   managed:  shared with the host ─► the plugin's .deps.json ─► culture/x.dll ─► folder/x.dll ─► the default context
///   native:   the plugin's .deps.json ─► folder/[lib]x[.so|.so.1] ─► the system
/// </code>
/// Files are read whole and closed: a plugin in use can be replaced on disk.
/// </summary>
internal sealed class PluginLoadContext : AssemblyLoadContext
{
    private readonly SharedAssemblies _shared;
    private readonly AssemblyDependencyResolver? _resolver;
    private readonly NativeLibraries _natives;
    private readonly ThreadLedger _threads;
    private readonly string _folder;

    public PluginLoadContext(string assemblyPath, SharedAssemblies shared, bool unloadable, ThreadLedger threads)
        : base(Path.GetFileNameWithoutExtension(assemblyPath), unloadable)
    {
        _shared = shared;
        _threads = threads;
        _folder = Path.GetDirectoryName(assemblyPath)!;
        _resolver = File.Exists(Path.ChangeExtension(assemblyPath, ".deps.json")) ? new AssemblyDependencyResolver(assemblyPath) : null;
        _natives = new NativeLibraries(_folder);
        Unloading += _ => _natives.Dispose();
    }

    public Assembly LoadBytes(string path, byte[] bytes)
    {
        if (IsCollectible)
            _threads.Note(path, bytes, this);
        using var assembly = new MemoryStream(bytes, writable: false);
        var symbols = Path.ChangeExtension(path, ".pdb");
        if (!File.Exists(symbols))
            return LoadFromStream(assembly);
        using var pdb = new MemoryStream(File.ReadAllBytes(symbols), writable: false);
        return LoadFromStream(assembly, pdb);
    }

    protected override Assembly? Load(AssemblyName assemblyName)
    {
        if (_shared.TryGet(assemblyName, out var shared))
            return shared;
        return FindManaged(assemblyName) is { } path ? LoadBytes(path, File.ReadAllBytes(path)) : null;
    }

    protected override nint LoadUnmanagedDll(string unmanagedDllName)
    {
        var path = _resolver?.ResolveUnmanagedDllToPath(unmanagedDllName) ?? _natives.FindInFolder(unmanagedDllName);
        return path is null ? 0 : LoadUnmanagedDllFromPath(_natives.Shadow(path));
    }

    private string? FindManaged(AssemblyName name)
    {
        if (_resolver?.ResolveAssemblyToPath(name) is { } resolved)
            return resolved;
        var path = Path.Combine(_folder, name.CultureName ?? "", name.Name + ".dll");
        return File.Exists(path) ? path : null;
    }
}
