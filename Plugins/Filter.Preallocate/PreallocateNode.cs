// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Filter.Preallocate;

/// <summary>
/// Space is taken while somebody writes the file and may change its length; when nobody does any more, what the data do not reach
/// is given back.
/// </summary>
internal sealed class PreallocateNode : BlockFilterNode, IResizable, IReopenable, IInactivatable
{
    private const BlockPermissions Growing = BlockPermissions.Write | BlockPermissions.Resize;

    private volatile PreallocateSettings _settings;
    private volatile FileEnds? _ends;
    private bool _willGrow;

    internal PreallocateNode(IBlockChild child, PreallocateSettings settings)
        : base(child)
    {
        _settings = settings;
    }

    /// <summary>A plain name would open the file without the filter.</summary>
    public override string? FileName => null;

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken) =>
        _ends is { } ends && offset + source.Length > ends.DataEnd
            ? WriteAndGrowAsync(ends, offset, source, flags, cancellationToken)
            : Child.WriteAsync(offset, source, flags, cancellationToken);

    public override async ValueTask WriteZeroesAsync(
        long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        var end = offset + bytes;
        if (_ends is not { } ends || end <= ends.DataEnd)
        {
            await Child.WriteZeroesAsync(offset, bytes, flags, cancellationToken).ConfigureAwait(false);
            return;
        }

        // To a user who wants a hole, or the zeroes to be durable, they are worth a request of their own.
        var mayMerge = (flags & ~ZeroFlags.NoFallback) == 0;
        await ends.ExtendAsync(end, _settings, cancellationToken).ConfigureAwait(false);
        if (mayMerge && ends.IsZero(offset, bytes))
            ends.Reach(end);
        else
            await WriteZeroesAndGrowAsync(ends, offset, bytes, flags, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Inside what the file has, only the data's end moves.</summary>
    public async ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        if (options.Preallocation is PreallocationMode.Off or PreallocationMode.Falloc && _ends is { } ends
            && ends.TryGrow(length))
            return;
        await Child.ResizeAsync(length, options, cancellationToken).ConfigureAwait(false);
        _ends?.Set(length);
    }

    /// <summary>While the file grows nobody else may write it or change its length.</summary>
    public override BlockPermissionSet GetChildPermissions(IBlockChild child, BlockPermissionSet own)
    {
        var permissions = base.GetChildPermissions(child, own);
        return Grows(own) ? permissions with { Shared = permissions.Shared & ~Growing } : permissions;
    }

    public override async ValueTask PreparePermissionsAsync(BlockPermissionSet permissions, CancellationToken cancellationToken)
    {
        _willGrow = Grows(permissions);
        if (!_willGrow && _ends is { } ends)
            await ends.DropAsync(cancellationToken).ConfigureAwait(false);
    }

    public override void CommitPermissions()
    {
        if (!_willGrow)
            _ends = null;
        else
            _ends ??= new FileEnds(Child);
    }

    /// <summary>Another process gets the file as long as its data.</summary>
    public async ValueTask InactivateAsync(CancellationToken cancellationToken)
    {
        if (_ends is { } ends)
            await ends.DropAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Its ends are looked for when somebody may write it again.</summary>
    public ValueTask ActivateAsync(CancellationToken cancellationToken) => default;

    /// <summary>What was taken by the old options goes back.</summary>
    public async ValueTask<IReopenStep> PrepareReopenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken)
    {
        var settings = PreallocateSettings.From(
            options.Deserialize(PreallocateJson.Default.PreallocateOptions.Deep())!, Child.Profile.Limits.RequestAlignment);
        if (_ends is { } ends)
            await ends.DropAsync(cancellationToken).ConfigureAwait(false);
        return new Change(this, settings);
    }

    public override async ValueTask DisposeAsync()
    {
        if (_ends is { } ends)
            await ends.DropAsync(CancellationToken.None).ConfigureAwait(false);
    }

    private static bool Grows(BlockPermissionSet permissions) => (permissions.Needed & Growing) == Growing;

    private async ValueTask WriteAndGrowAsync(
        FileEnds ends, long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        var end = offset + source.Length;
        ends.ExpectData(end);
        await ends.ExtendAsync(end, _settings, cancellationToken).ConfigureAwait(false);
        await Child.WriteAsync(offset, source, flags, cancellationToken).ConfigureAwait(false);
        ends.Reach(end);
    }

    private async ValueTask WriteZeroesAndGrowAsync(
        FileEnds ends, long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        ends.ExpectData(offset + bytes);
        await Child.WriteZeroesAsync(offset, bytes, flags, cancellationToken).ConfigureAwait(false);
        ends.Reach(offset + bytes);
    }

    /// <summary>The data's end, not the file's.</summary>
    protected override long ShownLength => _ends?.DataEnd ?? Child.Length;

    protected override BlockProfile ProfileOver(BlockProfile child, long length) => child with
    {
        Length = length,
        Status = Support.Native,
        WriteZeroes = Support.Native,
        WriteZeroesFlags = ZeroFlags.MayUnmap | ZeroFlags.NoFallback | ZeroFlags.Unchanged,
    };

    private sealed class Change(PreallocateNode node, PreallocateSettings settings) : IReopenStep
    {
        public void Commit() => node._settings = settings;

        public ValueTask AbortAsync() => ValueTask.CompletedTask;
    }
}
