// SPDX-License-Identifier: MIT
using System.Reflection;
using System.Runtime.CompilerServices;
using BlockHost.Core.Plugins;
using BlockHost.Plugins;

namespace BlockHost.Loading;

/// <summary>
/// Loads plugins from files:
/// <code>
///   nobody else can write it? ─► bytes ─► SHA-256 = manifest's? ─► entry and contract from metadata ─► shared references fit?
///                                                                            │ only here does code run
///                                                                            └─► context ─► entry class ─► constructor
/// </code>
/// </summary>
public sealed class AssemblyPluginLoader(PluginLocations locations) : IPluginLoader
{
    private static readonly Type[] SharedTypes = [typeof(Plugin)];

    private readonly PluginTrust _trust = new(locations);
    private readonly ThreadLedger _threads = new();

    /// <summary>
    /// Whether plugins can be unloaded again; default: true. The runtime neither uses precompiled code nor starts with
    /// quickly compiled code for assemblies that it may have to unload, so a plugin that is loaded for good is ready in
    /// less than half the time. For programs that nobody can ask to unload anything.
    /// </summary>
    public bool Unloadable { get; init; } = true;

    public IReadOnlyList<PluginCandidate> Discover() => ManifestFolder.ReadAll(locations);

    public PluginCandidate ReadManifest(string path)
    {
        if (path.Length == 0 || path.Contains('\0'))
            throw new PluginException(
                path.Length == 0 ? "The path of a manifest is empty" : "The path of a manifest has a NUL character in it");
        var full = Path.GetFullPath(path);
        try
        {
            if (File.Exists(full))
                _trust.RefuseForeignManifest(full);
            return ManifestFile.Read(full, Path.GetDirectoryName(full) ?? full);
        }
        catch (PluginException e)
        {
            return new PluginCandidate(Path.GetFileNameWithoutExtension(full), full, null, $"its manifest {full} {e.Message}");
        }
    }

    public bool HasNewCode(PluginManifest loaded)
    {
        try
        {
            return !string.Equals(
                PluginImage.Read(loaded.AssemblyPath).Sha256, loaded.Sha256, StringComparison.OrdinalIgnoreCase);
        }
        catch (PluginException)
        {
            return false;
        }
    }

    public ILoadedPlugin Load(PluginManifest manifest)
    {
        _trust.RefuseForeignCode(manifest);
        var image = PluginImage.Read(manifest.AssemblyPath);
        image.Verify(manifest.Sha256);
        var metadata = PluginMetadataReader.Read(image);
        RefuseOtherContracts(metadata.Contract);
        var shared = new SharedAssemblies(SharedTypes, []);
        var folder = PluginFolder.Read(image.Path, shared);
        RefuseNewerReferences(metadata, folder, shared);
        var loader = PluginLoader.FromImage(image, folder, shared, Unloadable && _threads.Ending is null, _threads);
        try
        {
            return new LoadedPlugin(loader, Construct(loader, metadata), _threads);
        }
        catch
        {
            loader.Dispose();
            throw;
        }
    }

    private static void RefuseOtherContracts(ContractVersion compiled)
    {
        var host = ContractVersion.Host;
        if (compiled.Major != host.Major || compiled.Minor > host.Minor)
            throw new UnsupportedContractException($"it was compiled against contract {compiled}; this host serves {host}");
    }

    /// <summary>
    /// The runtime would find out only when the first method that needs the reference runs, and the library would take a copy
    /// beside the plugin for it: a second contract, whose types are not the host's.
    /// </summary>
    private static void RefuseNewerReferences(PluginMetadata metadata, PluginFolder folder, SharedAssemblies shared)
    {
        if (FirstObjection(metadata.References) is { } toPlugin)
            throw new UnsupportedContractException($"it {toPlugin}");
        foreach (var library in folder.Libraries)
        {
            if (FirstObjection(library.References) is { } toLibrary)
                throw new UnsupportedContractException($"its library {Path.GetFileName(library.Path)} {toLibrary}");
        }

        string? FirstObjection(IEnumerable<AssemblyName> references) =>
            references.Select(shared.Objection).FirstOrDefault(objection => objection is not null);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Plugin Construct(PluginLoader loader, PluginMetadata metadata)
    {
        try
        {
            using var scope = loader.EnterContextualReflection();
            var type = loader.LoadDefaultAssembly().GetType(metadata.EntryType, throwOnError: false)
                ?? throw new PluginException($"its assembly {metadata.AssemblyName} has no class '{metadata.EntryType}'");
            if (type.IsAbstract || !type.IsSubclassOf(typeof(Plugin)))
                throw new PluginException(
                    $"its entry '{metadata.EntryType}' is not a class that derives from {typeof(Plugin).FullName}");
            return (Plugin)Activator.CreateInstance(type)!;
        }
        catch (TargetInvocationException e) when (e.InnerException is { } inner)
        {
            throw new PluginException($"failed in its constructor: {inner.GetType().Name}: {inner.Message}", inner);
        }
        catch (Exception e) when (e is not PluginException)
        {
            throw new PluginException($"cannot be loaded: {e.GetType().Name}: {e.Message}", e);
        }
    }

    private sealed class LoadedPlugin(PluginLoader loader, Plugin plugin, ThreadLedger threads) : ILoadedPlugin
    {
        private Plugin? _plugin = plugin;

        public Plugin Plugin => _plugin ?? throw new ObjectDisposedException(nameof(LoadedPlugin));

        public string? ResidentBecause => threads.Ending ?? (loader.IsUnloadable ? null : "this program loads plugins for good");

        public IUnloadProof Unload()
        {
            _plugin = null;
            return loader.Unload();
        }
    }
}
