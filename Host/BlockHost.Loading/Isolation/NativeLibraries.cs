// SPDX-License-Identifier: MIT
namespace BlockHost.Loading;

/// <summary>
/// Finds a plugin's native libraries and copies them aside before they are loaded, so that the plugin's folder can be
/// replaced while it runs. The copy takes the libraries beside it along: they may depend on one another.
/// </summary>
internal sealed class NativeLibraries(string pluginFolder) : IDisposable
{
    private static readonly string[] Prefixes = OperatingSystem.IsWindows() ? [""] : ["", "lib"];
    private static readonly string[] Suffixes =
        OperatingSystem.IsWindows() ? [".dll", ""] : OperatingSystem.IsMacOS() ? [".dylib", ""] : [".so", ".so.1", ""];

    private readonly Lock _gate = new();
    private readonly Dictionary<string, string> _shadows = new(StringComparer.Ordinal);

    /// <summary>A library in the plugin's folder by the names the platform gives it: "z" → libz.so, libz.so.1, z.so, …</summary>
    public string? FindInFolder(string name)
    {
        if (name.Length == 0 || Path.GetFileName(name) != name)
            return null;
        return Prefixes.SelectMany(prefix => Suffixes.Select(suffix => Path.Combine(pluginFolder, prefix + name + suffix)))
            .FirstOrDefault(File.Exists);
    }

    /// <summary>Path of a copy of <paramref name="library"/>.</summary>
    public string Shadow(string library)
    {
        var folder = Path.GetDirectoryName(library)!;
        lock (_gate)
        {
            if (!_shadows.TryGetValue(folder, out var shadow))
            {
                shadow = Directory.CreateTempSubdirectory("blockhost-native-").FullName;
                _shadows.Add(folder, shadow);
                foreach (var file in Directory.EnumerateFiles(folder).Where(IsNativeLibrary))
                    File.Copy(file, Path.Combine(shadow, Path.GetFileName(file)));
            }

            var copy = Path.Combine(shadow, Path.GetFileName(library));
            if (!File.Exists(copy))
                File.Copy(library, copy);
            return copy;
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            foreach (var shadow in _shadows.Values)
                Delete(shadow);
            _shadows.Clear();
        }
    }

    private static bool IsNativeLibrary(string file)
    {
        var name = Path.GetFileName(file);
        return OperatingSystem.IsWindows() ? name.EndsWith(".dll", StringComparison.OrdinalIgnoreCase)
            : name.EndsWith(".dylib", StringComparison.Ordinal) || name.EndsWith(".so", StringComparison.Ordinal) || name.Contains(".so.");
    }

    private static void Delete(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A library that is still mapped cannot be deleted on every platform; the folder for temporary files is cleaned anyway.
        }
    }
}
