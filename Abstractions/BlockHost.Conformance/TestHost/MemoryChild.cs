// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Conformance.TestHost;

/// <summary>
/// A child as a host would give it, over a <see cref="MemoryImage"/>: completes synchronously, checks bounds and
/// permission, and refuses everything once <see cref="Close"/> has been called.
/// </summary>
public sealed class MemoryChild(MemoryImage image, string name = "file", BlockChildRole role = BlockChildRole.Image) : IBlockChild
{
    private volatile bool _closed;
    private BlockProfile? _profile;

    public MemoryImage Image { get; } = image;

    public string Name { get; } = name;

    public BlockChildRole Role { get; } = role;

    public string NodeName { get; init; } = name;

    public string DriverName { get; init; } = "memory";

    public string FileName { get; init; } = "memory:" + name;

    /// <summary>Writes, zeroes, discards and resizes are refused with <see cref="BlockErrorKind.PermissionDenied"/>.</summary>
    public bool ReadOnly { get; init; }

    public BlockLimits Limits { get; init; } = BlockLimits.Default;

    public BlockProfile Profile
    {
        get
        {
            var known = _profile;
            return known is not null && known.Length == Image.Length ? known : _profile = MakeProfile();
        }
    }

    public long Length => Image.Length;

    /// <summary>From now on an operation is a fault of the node: it is counted and fails.</summary>
    public void Close() => _closed = true;

    /// <summary>Operations that came after <see cref="Close"/>.</summary>
    public int OperationsAfterClose { get; private set; }

    public ValueTask ReadAsync(
        long offset, IoSlice target, ReadFlags flags = ReadFlags.None, CancellationToken cancellationToken = default)
    {
        Check("read", offset, target.Length);
        Image.Read(offset, target);
        return ValueTask.CompletedTask;
    }

    public ValueTask WriteAsync(
        long offset, IoSlice source, WriteFlags flags = WriteFlags.None, CancellationToken cancellationToken = default)
    {
        CheckWrite("write", offset, source.Length);
        Image.Write(offset, source);
        return FlushIf((flags & WriteFlags.Fua) != 0);
    }

    public ValueTask FlushAsync(CancellationToken cancellationToken = default)
    {
        Check("flush", 0, 0);
        Image.Flush();
        return ValueTask.CompletedTask;
    }

    public ValueTask WriteZeroesAsync(
        long offset, long bytes, ZeroFlags flags = ZeroFlags.None, CancellationToken cancellationToken = default)
    {
        CheckWrite("write-zeroes", offset, bytes);
        Image.WriteZeroes(offset, bytes);
        return FlushIf((flags & ZeroFlags.Fua) != 0);
    }

    public ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken = default)
    {
        CheckWrite("discard", offset, bytes);
        Image.WriteZeroes(offset, Math.Clamp(Image.Length - offset, 0, bytes));
        return ValueTask.CompletedTask;
    }

    public ValueTask<BlockStatus> GetStatusAsync(
        long offset,
        long bytes,
        StatusPrecision precision = StatusPrecision.WantZero,
        CancellationToken cancellationToken = default)
    {
        Check("block-status", offset, bytes);
        if (offset >= Image.Length)
            return new(new BlockStatus(bytes, BlockStatusFlags.Zero | BlockStatusFlags.Eof));
        var (stored, run) = Image.GetRun(offset, bytes);
        var flags = stored
            ? BlockStatusFlags.Data | BlockStatusFlags.OffsetValid
            : BlockStatusFlags.Zero | BlockStatusFlags.OffsetValid;
        if (offset + run == Image.Length)
            flags |= BlockStatusFlags.Eof;
        return new(new BlockStatus(run, flags | BlockStatusFlags.Allocated, offset, this));
    }

    public ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken = default)
    {
        CheckWrite("resize", 0, length);
        Image.Resize(length);
        return ValueTask.CompletedTask;
    }

    public bool TryGetFacet<T>([NotNullWhen(true)] out T? facet)
        where T : class
    {
        facet = null;
        return false;
    }

    private BlockProfile MakeProfile() => new()
    {
        Length = Image.Length,
        Limits = Limits,
        Writable = !ReadOnly,
        Growable = Image.Growable,
        Flush = Support.Native,
        Fua = Support.Native,
        WriteZeroes = Support.Native,
        WriteZeroesFlags = ZeroFlags.MayUnmap | ZeroFlags.NoFallback | ZeroFlags.Fua | ZeroFlags.Unchanged,
        Discard = Support.Native,
        Status = Support.Native,
    };

    private ValueTask FlushIf(bool fua)
    {
        if (fua)
            Image.Flush();
        return ValueTask.CompletedTask;
    }

    private void CheckWrite(string operation, long offset, long bytes)
    {
        Check(operation, offset, bytes);
        if (ReadOnly)
            throw new BlockException(BlockErrorKind.PermissionDenied, $"Child '{Name}' may not be written ({operation})");
    }

    private void Check(string operation, long offset, long bytes)
    {
        if (_closed)
        {
            OperationsAfterClose++;
            throw new BlockException(BlockErrorKind.ShuttingDown, $"Child '{Name}' is closed ({operation})");
        }

        if (offset < 0 || bytes < 0 || offset > long.MaxValue - bytes)
            throw new BlockException(BlockErrorKind.OutOfRange, $"Child '{Name}': {operation} of {bytes} bytes at {offset}");
    }
}
