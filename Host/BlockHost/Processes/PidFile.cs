// SPDX-License-Identifier: MIT
using System.Globalization;
using BlockHost.Block;
using BlockHost.CommandLine;
using BlockHost.Images;

namespace BlockHost.Processes;

/// <summary>The process's number in a file, locked while the process lives and gone when it ends.</summary>
internal sealed class PidFile : IDisposable
{
    private readonly FileStream _file;
    private readonly string _path;

    private PidFile(FileStream file, string path)
    {
        _file = file;
        _path = path;
    }

    /// <exception cref="ToolException">The file cannot be made, or another process holds it.</exception>
    public static PidFile Create(string path)
    {
        var full = Path.GetFullPath(path);
        try
        {
            // No sharing is a lock on the file: a second process fails here.
            var file = new FileStream(full, new FileStreamOptions
            {
                Mode = FileMode.OpenOrCreate,
                Access = FileAccess.ReadWrite,
                Share = FileShare.None,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
            file.SetLength(0);
            file.Write(System.Text.Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture) + "\n"));
            file.Flush();
            return new PidFile(file, full);
        }
        catch (DirectoryNotFoundException)
        {
            throw new ToolException($"cannot create PID file: Could not create '{path}': {ImageErrors.Text(Errno.ENOENT)}");
        }
        catch (UnauthorizedAccessException)
        {
            throw new ToolException($"cannot create PID file: Could not create '{path}': {ImageErrors.Text(Errno.EACCES)}");
        }
        catch (IOException)
        {
            throw new ToolException($"cannot create PID file: Cannot lock pid file: {ImageErrors.Text(Errno.EAGAIN)}");
        }
    }

    public void Dispose()
    {
        File.Delete(_path);
        _file.Dispose();
    }
}
