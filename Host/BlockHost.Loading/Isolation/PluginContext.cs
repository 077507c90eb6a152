// SPDX-License-Identifier: MIT
using System.Reflection;
using System.Runtime.Loader;
using McMaster.NETCore.Plugins.LibraryModel;
using McMaster.NETCore.Plugins.Loader;

namespace BlockHost.Loading;

/// <summary>
/// One plugin's own world of assemblies, as McMaster.NETCore.Plugins makes it. Where a reference is looked for:
/// <code>
///   managed:  shared with the host ─► the plugin's .deps.json ─► culture/x.dll ─► folder/x.dll ─► the default context
///   native:   the plugin's .deps.json ─► folder/[lib]x[.so|.so.1] ─► the system
/// </code>
/// Files are read whole and closed, and native libraries are those of a copy: a plugin in use can be replaced on disk.
/// </summary>
/// <remarks>
/// The builder, not the library's <c>PluginLoader</c>: that one parses the program's runtimeconfig.json for each plugin,
/// and reads the main assembly from its file.
/// </remarks>
internal static class PluginContext
{
    public static AssemblyLoadContext Create(string mainAssembly, PluginFolder folder, SharedAssemblies shared, bool unloadable)
    {
        var path = folder.HasNativeLibraries ? folder.CopyAside() : mainAssembly;
        var builder = new AssemblyLoadContextBuilder()
            .SetMainAssemblyPath(path)
            .SetDefaultContext(new SharedContext(shared))
            .PreferDefaultLoadContext(true)
            .PreloadAssembliesIntoMemory();
        if (unloadable)
            builder.EnableUnloading();
        foreach (var library in folder.Libraries)
            builder.PreferLoadContextAssembly(new AssemblyName { Name = library.Name });
        if (!folder.HasNativeLibraries)
            return builder.Build();
        AddNatives(builder, Path.GetDirectoryName(path)!);
        var context = builder.Build();
        context.Unloading += _ => Delete(Path.GetDirectoryName(path)!);
        return context;
    }

    /// <summary>The library finds what .deps.json lists, and beside the assembly only what it is told of.</summary>
    private static void AddNatives(AssemblyLoadContextBuilder builder, string folder)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        var files = Directory.GetFiles(folder).Where(PluginFolder.IsNativeLibrary).Order(StringComparer.Ordinal);
        foreach (var plain in files.Select(PlainNamed))
        {
            if (names.Add(Path.GetFileNameWithoutExtension(plain)))
                builder.AddNativeLibrary(NativeLibrary.CreateFromPackage("plugin", "0", Path.GetFileName(plain)));
        }
    }

    /// <summary>libx.so, as a link in the copy where the plugin brings only libx.so.1: code asks for "x".</summary>
    private static string PlainNamed(string file)
    {
        var end = file.LastIndexOf(".so.", StringComparison.Ordinal);
        if (end < 0)
            return file;
        var plain = file[..(end + ".so".Length)];
        if (!File.Exists(plain))
            File.CreateSymbolicLink(plain, Path.GetFileName(file));
        return plain;
    }

    private static void Delete(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Not every platform deletes a library that is still mapped; the folder for temporary files is cleaned anyway.
        }
    }
}
