// SPDX-License-Identifier: MIT
using BlockHost.Block;
using Microsoft.Win32.SafeHandles;

namespace BlockHost.Remote.Caching;

/// <summary>
/// Blocks of one object in a file that one node at a time uses; <see cref="CacheLayout"/> says how. Any number of threads.
/// </summary>
internal sealed class CacheFile : IDisposable
{
    private readonly SafeFileHandle _file;
    private readonly long _length;

    private CacheFile(SafeFileHandle file, long length) => (_file, _length) = (file, length);

    /// <summary>The file with what it has of the object; it is begun anew where it has something else.</summary>
    /// <exception cref="BlockException">It is no cache file, is in use, or cannot be opened.</exception>
    public static CacheFile Open(string path, string name, string version, long length)
    {
        if (length > CacheLayout.MaxLength)
            throw new BlockException(BlockErrorKind.InvalidArgument, "The object is too large for a cache file");
        SafeFileHandle? file = null;
        try
        {
            file = OpenPrivate(path);
            Prepare(file, path, CacheLayout.Header(name, version, length));
            return new CacheFile(file, length);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            file?.Dispose();
            throw e as BlockException ?? new BlockException(
                BlockErrorKind.Io, $"Could not open the cache file '{path}': {e.Message}", innerException: e);
        }
    }

    /// <summary>What was stored of a block, where it is still what was stored.</summary>
    /// <returns>False: it has to be fetched.</returns>
    public async ValueTask<bool> TryReadAsync(long block, Memory<byte> data, CancellationToken cancellationToken)
    {
        var digest = new byte[CacheLayout.DigestSize];
        if (!await ReadWholeAsync(digest, CacheLayout.DigestAt(block), cancellationToken).ConfigureAwait(false)
            || !digest.AsSpan().ContainsAnyExcept((byte)0)
            || !await ReadWholeAsync(data, CacheLayout.DataAt(_length, block), cancellationToken).ConfigureAwait(false))
            return false;
        return digest.AsSpan().SequenceEqual(DigestOf(data.Span));
    }

    /// <summary>Whether a block was stored, unchecked.</summary>
    public async ValueTask<bool> MayHaveAsync(long block, CancellationToken cancellationToken)
    {
        var digest = new byte[CacheLayout.DigestSize];
        return await ReadWholeAsync(digest, CacheLayout.DigestAt(block), cancellationToken).ConfigureAwait(false)
            && digest.AsSpan().ContainsAnyExcept((byte)0);
    }

    /// <exception cref="IOException">There is no space.</exception>
    public async ValueTask StoreAsync(long block, ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        await RandomAccess.WriteAsync(_file, data, CacheLayout.DataAt(_length, block), cancellationToken).ConfigureAwait(false);
        await RandomAccess.WriteAsync(_file, DigestOf(data.Span), CacheLayout.DigestAt(block), cancellationToken)
            .ConfigureAwait(false);
    }

    public void Dispose() => _file.Dispose();

    private static SafeFileHandle OpenPrivate(string path)
    {
        // Nobody else may read what credentials were needed for, or put other bytes there.
        var isNew = !File.Exists(path);
        var file = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, FileOptions.Asynchronous);
        if (isNew && !OperatingSystem.IsWindows())
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return file;
    }

    private static void Prepare(SafeFileHandle file, string path, byte[] header)
    {
        var found = new byte[CacheLayout.HeaderSize];
        var bytes = RandomAccess.Read(file, found, 0);
        if (bytes == found.Length && found.AsSpan().SequenceEqual(header))
            return;
        if (RandomAccess.GetLength(file) > 0 && !CacheLayout.IsHeader(found.AsSpan(0, bytes)))
            throw new BlockException(
                BlockErrorKind.InvalidArgument, $"'{path}' is not a cache file: it is left as it is");
        RandomAccess.SetLength(file, 0);
        RandomAccess.Write(file, header, 0);
    }

    private async ValueTask<bool> ReadWholeAsync(Memory<byte> target, long offset, CancellationToken cancellationToken)
    {
        while (target.Length > 0)
        {
            var read = await RandomAccess.ReadAsync(_file, target, offset, cancellationToken).ConfigureAwait(false);
            if (read == 0)
                return false;
            (target, offset) = (target[read..], offset + read);
        }

        return true;
    }

    private static byte[] DigestOf(ReadOnlySpan<byte> data)
    {
        var digest = new byte[CacheLayout.DigestSize];
        CacheLayout.Digest(data, digest);
        return digest;
    }
}
