// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Chain.Tests.Disks;

internal sealed class DiskNode(string fileName, IDisk disk, bool readOnly) : BlockNode, IResizable, IReopenable
{
    private bool _readOnly = readOnly;

    public override BlockProfile Profile => new()
    {
        Length = disk.Image.Length,
        Writable = !_readOnly,
        Growable = true,
        Flush = Support.Native,
        WriteZeroes = Support.Native,
        Discard = Support.Native,
    };

    public override string FileName => fileName;

    public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken) =>
        DoAsync(DiskRequest.Read, offset, target.Length, () => disk.Image.Read(offset, target));

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken) =>
        DoAsync(DiskRequest.Write, offset, source.Length, () => disk.Image.Write(offset, source));

    public override ValueTask FlushAsync(CancellationToken cancellationToken) =>
        DoAsync(DiskRequest.Flush, 0, 0, disk.Image.Flush);

    public override ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken) =>
        DoAsync(DiskRequest.Zero, offset, bytes, () => disk.Image.WriteZeroes(offset, bytes));

    public override ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken) =>
        DoAsync(DiskRequest.Discard, offset, bytes, () => disk.Image.WriteZeroes(offset, bytes));

    public ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken) =>
        DoAsync(DiskRequest.Write, length, 0, () => disk.Image.Resize(length));

    public ValueTask<IReopenStep> PrepareReopenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken) =>
        new(new Reopen(this, context.ReadOnly));

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>A disk that fails at once fails the request's task, as real ones do.</summary>
    private async ValueTask DoAsync(DiskRequest request, long offset, long bytes, Action action) =>
        await disk.DoAsync(request, offset, bytes, action);

    private sealed class Reopen(DiskNode node, bool readOnly) : IReopenStep
    {
        public void Commit() => node._readOnly = readOnly;

        public ValueTask AbortAsync() => ValueTask.CompletedTask;
    }
}
