// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Filter.Preallocate;

/// <summary>
/// A file whose end lies behind its data's:
/// <code>
///   0 ──────────────── zeroes from here on ──── data end ──────── file end
///    data               written as zeroes, or    taken ahead
///                       not written at all
/// </code>
/// The data's end is what users see as the length.
/// </summary>
internal sealed class FileEnds(IBlockChild file)
{
    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _extending = new(1);
    private long _dataEnd = file.Length;
    private long _zeroStart = file.Length;
    private long _fileEnd = file.Length;

    public long DataEnd => Volatile.Read(ref _dataEnd);

    /// <summary>Before data are written up to <paramref name="end"/>: zeroes may be taken for there only behind it.</summary>
    public void ExpectData(long end)
    {
        lock (_lock)
            _zeroStart = Math.Max(_zeroStart, end);
    }

    /// <summary>The data reach as far.</summary>
    public void Reach(long end)
    {
        lock (_lock)
        {
            _dataEnd = Math.Max(_dataEnd, end);
            _fileEnd = Math.Max(_fileEnd, end);
        }
    }

    /// <summary>The range is zeroes already.</summary>
    public bool IsZero(long offset, long bytes)
    {
        lock (_lock)
            return offset >= _zeroStart && offset + bytes <= _fileEnd;
    }

    /// <summary>
    /// Takes space, where data up to <paramref name="end"/> do not fit into what the file has. That it has none is no error: the
    /// write will tell.
    /// </summary>
    public async ValueTask ExtendAsync(long end, PreallocateSettings settings, CancellationToken cancellationToken)
    {
        if (end <= Volatile.Read(ref _fileEnd) || settings.EndFor(end) is not { } target)
            return;
        await _extending.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var start = Volatile.Read(ref _fileEnd);
            if (end <= start)
                return;
            await file.WriteZeroesAsync(start, target - start, ZeroFlags.NoFallback, cancellationToken).ConfigureAwait(false);
            Volatile.Write(ref _fileEnd, Math.Max(target, Volatile.Read(ref _fileEnd)));
        }
        catch (BlockException)
        {
            // What it got is cut off at the end, with the rest.
            Volatile.Write(ref _fileEnd, Math.Max(file.Length, Volatile.Read(ref _fileEnd)));
        }
        finally
        {
            _extending.Release();
        }
    }

    /// <summary>Makes the data longer inside what the file has; the bytes between are zeroes.</summary>
    public bool TryGrow(long length)
    {
        lock (_lock)
        {
            if (length < _dataEnd || length > _fileEnd)
                return false;
            _dataEnd = length;
            return true;
        }
    }

    /// <summary>The file has been given this length.</summary>
    public void Set(long length)
    {
        lock (_lock)
            (_dataEnd, _zeroStart, _fileEnd) = (length, Math.Min(_zeroStart, length), length);
    }

    /// <summary>Gives back what the data do not reach.</summary>
    /// <exception cref="BlockException">The file keeps it.</exception>
    public async ValueTask DropAsync(CancellationToken cancellationToken)
    {
        var end = DataEnd;
        if (file.Length <= end)
            return;
        try
        {
            await file.ResizeAsync(end, default, cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException e)
        {
            throw new BlockException(e.Kind, $"Failed to drop preallocation: {e.Message}", e.Errno, e);
        }

        Set(end);
    }
}
