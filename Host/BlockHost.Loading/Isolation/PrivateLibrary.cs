// SPDX-License-Identifier: MIT
using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using BlockHost.Plugins;

namespace BlockHost.Loading;

/// <summary>A managed library that a plugin brings for itself, as its metadata has it.</summary>
/// <param name="Path">Of its file.</param>
/// <param name="References">What it was compiled against.</param>
/// <param name="ThreadMaker">See <see cref="ThreadUse"/>.</param>
internal sealed record PrivateLibrary(string Path, IReadOnlyList<AssemblyName> References, string? ThreadMaker)
{
    public string Name => System.IO.Path.GetFileNameWithoutExtension(Path);

    /// <returns>Null: the file is no assembly; the runtime says so if somebody loads it.</returns>
    /// <exception cref="PluginException">The file cannot be read.</exception>
    public static PrivateLibrary? Read(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            using var pe = new PEReader(file, PEStreamOptions.PrefetchMetadata);
            if (!pe.HasMetadata)
                return null;
            var metadata = pe.GetMetadataReader();
            var references = metadata.AssemblyReferences.Select(metadata.GetAssemblyReference);
            return new PrivateLibrary(path, [.. references.Select(one => one.GetAssemblyName())], ThreadUse.Find(metadata));
        }
        catch (Exception e) when (e is BadImageFormatException or InvalidOperationException or ArgumentException
            or OverflowException)
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PluginException($"its library {path} cannot be read: {e.Message}", e);
        }
    }
}
