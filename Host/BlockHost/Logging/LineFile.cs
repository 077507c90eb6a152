// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;

namespace BlockHost.Logging;

/// <summary>
/// A file that whole lines are added to, from any thread. One that cannot be written fails nobody: its user is warned once,
/// until there is room again.
/// </summary>
internal sealed class LineFile : IDisposable
{
    private readonly string _description;
    private readonly FileStream _file;
    private readonly Action<string> _warn;
    private readonly Lock _gate = new();
    private bool _isFailing;

    /// <param name="description">What the file is, for messages: "audit log 'x'".</param>
    /// <exception cref="ToolException">The file cannot be opened.</exception>
    public LineFile(string path, string description, Action<string> warn)
    {
        _description = description;
        _warn = warn;
        try
        {
            _file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new ToolException($"Could not open the {description}: {e.Message}");
        }
    }

    public void Write(ReadOnlySpan<byte> line)
    {
        string? failure = null;
        lock (_gate)
        {
            try
            {
                _file.Write(line);
                _isFailing = false;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                TakeBack();
                failure = _isFailing ? null : e.Message;
                _isFailing = true;
            }
        }

        if (failure is not null)
            _warn($"warning: the {_description} cannot be written, and the daemon goes on without it: {failure}");
    }

    public void Dispose() => _file.Dispose();

    /// <summary>Takes back what a full disk has taken of a line, so that the next one begins where it began.</summary>
    private void TakeBack()
    {
        try
        {
            if (_file.CanSeek)
                _file.SetLength(_file.Position);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            // Not a file that can be cut.
        }
    }
}
