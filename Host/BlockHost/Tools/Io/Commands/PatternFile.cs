// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Images;

namespace BlockHost.Tools.Io.Commands;

/// <summary>write -s: data from a file.</summary>
internal static class PatternFile
{
    /// <summary>Fills the buffer with the file's bytes, again and again.</summary>
    /// <exception cref="IoCommandException">The file cannot be read, or is empty.</exception>
    public static void Fill(string path, byte[] buffer)
    {
        var count = Read(path, buffer);
        if (count == 0)
            throw Failed($"{path}: file is empty");
        for (var at = count; at < buffer.Length; at += count)
            buffer.AsSpan(0, Math.Min(count, buffer.Length - at)).CopyTo(buffer.AsSpan(at));
    }

    private static int Read(string path, byte[] buffer)
    {
        if (Directory.Exists(path))
            throw Failed($"{path}: {ImageErrors.Text(Errno.EISDIR)}");
        try
        {
            using var file = File.OpenRead(path);
            return file.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        }
        catch (UnauthorizedAccessException)
        {
            throw Failed($"{path}: {ImageErrors.Text(Errno.EACCES)}");
        }
        catch (IOException e)
        {
            throw Failed(
                $"{path}: {ImageErrors.Text(e is FileNotFoundException or DirectoryNotFoundException ? Errno.ENOENT : Errno.EIO)}");
        }
    }

    private static IoCommandException Failed(string message) => new(message) { ToErrorStream = true };
}
