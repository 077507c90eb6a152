// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using BlockHost.Block;

namespace BlockHost.Images;

/// <summary>An open image where a driver wants a child to look at: reads and status, over the whole chain.</summary>
internal sealed class BackendChild(OpenImage image) : IBlockChild
{
    public string Name => "source";

    public BlockChildRole Role => BlockChildRole.Data;

    public string NodeName => image.Node.Name;

    public string DriverName => image.Node.Driver.FormatName;

    public string FileName => image.Node.FileName;

    public BlockProfile Profile => image.Profile;

    public long Length => image.Length;

    public async ValueTask ReadAsync(
        long offset, IoSlice target, ReadFlags flags = ReadFlags.None, CancellationToken cancellationToken = default) =>
        Check(await image.Queue.ReadAsync(offset, target, flags, cancellationToken), offset);

    public async ValueTask<BlockStatus> GetStatusAsync(
        long offset,
        long bytes,
        StatusPrecision precision = StatusPrecision.WantZero,
        CancellationToken cancellationToken = default)
    {
        var status = await image.Queue.GetStatusAsync(offset, bytes, precision, cancellationToken);
        Check(status.Status, offset);
        return new BlockStatus(status.Bytes, status.Flags);
    }

    public ValueTask WriteAsync(
        long offset,
        IoSlice source,
        WriteFlags flags = WriteFlags.None,
        CancellationToken cancellationToken = default) => throw ReadOnly();

    public ValueTask FlushAsync(CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

    public ValueTask WriteZeroesAsync(
        long offset,
        long bytes,
        ZeroFlags flags = ZeroFlags.None,
        CancellationToken cancellationToken = default) => throw ReadOnly();

    public ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken = default) => throw ReadOnly();

    public ValueTask ResizeAsync(
        long length, Block.Facets.ResizeOptions options, CancellationToken cancellationToken = default) => throw ReadOnly();

    public bool TryGetFacet<T>([NotNullWhen(true)] out T? facet)
        where T : class => image.Node.TryGetFacet(out facet);

    private static BlockException ReadOnly() => new(BlockErrorKind.ReadOnly, "The source of a measurement is not written");

    private static void Check(IoStatus status, long offset)
    {
        if (!status.IsOk)
            throw new BlockException(
                BlockErrorKind.Io, $"Cannot read at offset {offset}: {ImageErrors.Text(status.Errno)}", status.Errno);
    }
}
