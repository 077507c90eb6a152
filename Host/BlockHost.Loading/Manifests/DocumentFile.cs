// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Plugins;

namespace BlockHost.Loading;

/// <summary>Reads a small JSON file; what is wrong with it is a reason.</summary>
internal static class DocumentFile
{
    private const long LargestFile = 1 << 20;

    /// <exception cref="PluginException">The file is missing, unreadable, too large, or not of the type's form.</exception>
    public static T Read<T>(string path, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            using var file = File.OpenRead(path);
            if (file.Length > LargestFile)
                throw new PluginException($"has {file.Length} bytes; at most {LargestFile} are read");
            return JsonSerializer.Deserialize(file, type) ?? throw new PluginException("is null where an object is wanted");
        }
        catch (JsonException e)
        {
            throw new PluginException($"is not well formed: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PluginException($"cannot be read: {e.Message}", e);
        }
    }
}
