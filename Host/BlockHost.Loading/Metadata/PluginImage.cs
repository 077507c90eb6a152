// SPDX-License-Identifier: MIT
using System.Security.Cryptography;
using BlockHost.Plugins;

namespace BlockHost.Loading;

/// <summary>
/// A plugin's assembly as bytes in memory, read once: what was hashed and inspected is exactly what is loaded, whatever
/// happens to the file meanwhile.
/// </summary>
public sealed class PluginImage
{
    private const long LargestAssembly = 256L << 20;

    private PluginImage(string path, byte[] bytes)
    {
        Path = path;
        Buffer = bytes;
        Sha256 = Convert.ToHexStringLower(SHA256.HashData(bytes));
    }

    /// <summary>Absolute.</summary>
    public string Path { get; }

    public ReadOnlyMemory<byte> Bytes => Buffer;

    /// <summary>Never written to.</summary>
    internal byte[] Buffer { get; }

    /// <summary>64 lower-case hexadecimal digits.</summary>
    public string Sha256 { get; }

    /// <param name="path">Absolute path of the assembly.</param>
    /// <exception cref="PluginException">The file is missing, unreadable or too large; the message is a reason.</exception>
    public static PluginImage Read(string path)
    {
        if (!System.IO.Path.IsPathFullyQualified(path))
            throw new ArgumentException($"The path of a plugin's assembly must be absolute: {path}", nameof(path));
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            if (file.Length is 0 or > LargestAssembly)
                throw new PluginException($"its assembly {path} has {file.Length} bytes, which no assembly has");
            var bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            return new PluginImage(path, bytes);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new PluginException($"its assembly {path} is missing", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PluginException($"its assembly {path} cannot be read: {e.Message}", e);
        }
    }

    /// <exception cref="PluginException">The bytes are not those the hash is of.</exception>
    public void Verify(string sha256)
    {
        if (!string.Equals(sha256, Sha256, StringComparison.OrdinalIgnoreCase))
            throw new PluginException($"its assembly {Path} has SHA-256 {Sha256}, but its manifest says {sha256}");
    }
}
