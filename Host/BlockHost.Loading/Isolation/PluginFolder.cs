// SPDX-License-Identifier: MIT
using System.Reflection;
using BlockHost.Plugins;

namespace BlockHost.Loading;

/// <summary>What lies beside a plugin's main assembly, looked through before anything of it is loaded.</summary>
internal sealed class PluginFolder
{
    private readonly string _folder;
    private readonly string _mainAssembly;

    private PluginFolder(string mainAssembly, IReadOnlyList<PrivateLibrary> libraries)
    {
        _folder = Path.GetDirectoryName(mainAssembly)!;
        _mainAssembly = mainAssembly;
        Libraries = libraries;
        HasNativeLibraries = FilesOf(_folder).Any(IsNativeLibrary);
    }

    /// <summary>The plugin's own managed libraries, also those that nothing refers to: code can ask for any by name.</summary>
    public IReadOnlyList<PrivateLibrary> Libraries { get; }

    public bool HasNativeLibraries { get; }

    /// <exception cref="PluginException">A library cannot be read.</exception>
    public static PluginFolder Read(string mainAssembly, SharedAssemblies shared)
    {
        var libraries = FilesOf(Path.GetDirectoryName(mainAssembly)!)
            .Where(file => file != mainAssembly && file.EndsWith(".dll", StringComparison.OrdinalIgnoreCase))
            .Where(file => !shared.TryGet(new AssemblyName { Name = Path.GetFileNameWithoutExtension(file) }, out _))
            .Select(PrivateLibrary.Read).OfType<PrivateLibrary>().ToList();
        return new PluginFolder(mainAssembly, libraries);
    }

    /// <summary>
    /// The folder as it is at this moment, elsewhere: native libraries stay mapped while the plugin runs, find one another by
    /// where they lie, and must not keep the folder from being replaced.
    /// </summary>
    /// <returns>Path of the copy's main assembly.</returns>
    public string CopyAside()
    {
        var copy = Directory.CreateTempSubdirectory("blockhost-native-").FullName;
        foreach (var file in FilesOf(_folder))
        {
            var target = Path.Combine(copy, Path.GetRelativePath(_folder, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }

        return Path.Combine(copy, Path.GetFileName(_mainAssembly));
    }

    /// <summary>libx.so.1 is a native library of the name libx as well as libx.so.</summary>
    public static bool IsNativeLibrary(string file)
    {
        var name = Path.GetFileName(file);
        return name.EndsWith(".so", StringComparison.Ordinal) || name.Contains(".so.", StringComparison.Ordinal)
            || name.EndsWith(".dylib", StringComparison.Ordinal);
    }

    private static IEnumerable<string> FilesOf(string folder) =>
        Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories);
}
