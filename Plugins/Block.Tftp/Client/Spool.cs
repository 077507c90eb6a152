// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Tftp.Client;

/// <summary>What has come of a file, in a file without a name. It is filled from its beginning.</summary>
internal sealed class Spool : IDisposable
{
    private readonly FileStream _file = OpenNameless();
    private long _bytes;
    private TaskCompletionSource _more = NewSignal();

    /// <summary>Bytes that are there.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Completes when there are more, or will never be: ask for it before looking at <see cref="Bytes"/>.</summary>
    public Task More => Volatile.Read(ref _more).Task;

    /// <summary>Behind what is there.</summary>
    public void Append(ReadOnlySpan<byte> data)
    {
        RandomAccess.Write(_file.SafeFileHandle, data, _bytes);
        Volatile.Write(ref _bytes, _bytes + data.Length);
    }

    /// <summary>Whether bytes that come again are the same as before.</summary>
    public bool IsSame(long offset, ReadOnlySpan<byte> data)
    {
        var before = new byte[data.Length];
        return RandomAccess.Read(_file.SafeFileHandle, before, offset) == data.Length && data.SequenceEqual(before);
    }

    public ValueTask<int> ReadAsync(long offset, Memory<byte> target, CancellationToken cancellationToken) =>
        RandomAccess.ReadAsync(_file.SafeFileHandle, target, offset, cancellationToken);

    /// <summary>Whoever waits looks again.</summary>
    public void Announce() => Interlocked.Exchange(ref _more, NewSignal()).TrySetResult();

    public void Dispose() => _file.Dispose();

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Nobody else can open it, and it goes with this process.</summary>
    private static FileStream OpenNameless()
    {
        var path = Path.Combine(Path.GetTempPath(), $"tftp-{Guid.NewGuid():N}");
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, BufferSize = 0 };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var file = new FileStream(path, options);
        File.Delete(path);
        return file;
    }
}
