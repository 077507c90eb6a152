// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Block.Facets;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Quorum;

/// <summary>
/// A disk in several copies. A write goes to all of them at once and has succeeded where as many as the threshold have;
/// overlapping writes take turns, or the copies would end up different. A child that failed a write stays behind: reads outvote
/// it.
/// </summary>
internal sealed class QuorumNode : BlockNode, IChildList, IReopenable
{
    /// <summary>Longer requests are split, as each takes that much memory for every child.</summary>
    private const int MaxTransfer = 32 << 20;
    private const int SectorSize = 512;

    private readonly IBlockNodeContext _context;
    private readonly RangeLock _writes = new();
    private readonly QuorumReports _reports;
    private readonly QuorumReader _reader;
    private QuorumSettings _settings;
    private IReadOnlyList<IBlockChild> _children;
    private int _nextIndex;
    private BlockProfile _profile;

    internal QuorumNode(IBlockNodeContext context, QuorumSettings settings, IReadOnlyList<IBlockChild> children)
    {
        _context = context;
        _settings = settings;
        _children = children;
        _nextIndex = children.Count;
        _reports = new QuorumReports(context);
        _reader = new QuorumReader(context, _writes, _reports);
        _profile = ProfileOf(context, children);
    }

    public override BlockProfile Profile => _profile;

    string IChildList.Option => QuorumDriver.ChildrenOption;

    BlockChildRole IChildList.Role => BlockChildRole.Data;

    public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken) =>
        _settings.IsFifo
        ? _reader.FirstThatWorksAsync(_children, offset, target, flags, cancellationToken)
        : _reader.VotedAsync(_children, _settings, offset, target, cancellationToken);

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken) =>
        ToAllAsync(new WriteRequest(offset, source, flags), cancellationToken);

    public override ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken) =>
        ToAllAsync(new ZeroRequest(offset, bytes, flags), cancellationToken);

    public override async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        var children = _children;
        var errors = new BlockException?[children.Count];
        for (var i = 0; i < errors.Length; i++)
        {
            try
            {
                await children[i].FlushAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (BlockException e)
            {
                errors[i] = e;
            }
        }

        _reports.Bad(QuorumOpType.Flush, children, 0, 0, errors);
        if (errors.Count(error => error is null) < _settings.Threshold)
            throw QuorumVote.Error(errors);
    }

    /// <summary>
    /// Zeroes where all children say so; where they disagree about how far, the least of it. Else data, as far as one child has
    /// any.
    /// </summary>
    public override async ValueTask<BlockStatus> GetStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken)
    {
        var (zeroes, data) = (bytes, 0L);
        foreach (var child in _children)
        {
            try
            {
                var status = await child.GetChainStatusAsync(offset, bytes, precision, cancellationToken).ConfigureAwait(false);
                if ((status.Flags & BlockStatusFlags.Zero) != 0)
                    zeroes = Math.Min(zeroes, status.Bytes);
                else
                    data = Math.Max(data, status.Bytes);
            }
            catch (BlockException e)
            {
                _reports.Bad(QuorumOpType.Read, child, offset, bytes, e);
                data = bytes;
                break;
            }
        }

        return data > 0 ? new BlockStatus(data, BlockStatusFlags.Data) : new BlockStatus(zeroes, BlockStatusFlags.Zero);
    }

    /// <summary>As its users, and to write what was outvoted; nobody else may write a child or change its length.</summary>
    public override BlockPermissionSet GetChildPermissions(IBlockChild child, BlockPermissionSet own)
    {
        var needed = own.Needed | (_settings.Rewrites ? BlockPermissions.Write : BlockPermissions.None);
        return new(needed, own.Shared & (BlockPermissions.ConsistentRead | BlockPermissions.WriteUnchanged));
    }

    public int CheckAdd(string nodeName, BlockProfile profile)
    {
        if (_settings.Verifies)
            throw QuorumSettings.Invalid("Cannot add a child to a quorum in blkverify mode");
        if (WholeSectors(profile.Length) != Profile.Length)
            throw QuorumSettings.Invalid(
                $"Node '{nodeName}' has {profile.Length} bytes, the children of '{_context.NodeName}' have {Profile.Length}");
        return _nextIndex;
    }

    public void Add(IBlockChild child)
    {
        _nextIndex++;
        SetChildren([.. _children, child]);
    }

    public void CheckRemove(IBlockChild child)
    {
        if (_children.Count <= _settings.Threshold)
            throw QuorumSettings.Invalid($"The number of children cannot be lower than the vote threshold {_settings.Threshold}");
    }

    /// <summary>The number of a child that was the newest is given again, as in QEMU.</summary>
    public void Remove(IBlockChild child)
    {
        if (child.Name == $"{QuorumDriver.ChildrenOption}.{_nextIndex - 1}")
            _nextIndex--;
        SetChildren([.. _children.Where(other => other != child)]);
    }

    public ValueTask<IReopenStep> PrepareReopenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken)
    {
        var settings = QuorumSettings.From(options.Deserialize(QuorumJson.Default.QuorumOptions.Deep())!, _children.Count);
        return new(new ReopenStep(this, settings, context));
    }

    internal static long WholeSectors(long bytes) => (bytes + SectorSize - 1) & -SectorSize;

    private async ValueTask ToAllAsync<T>(T request, CancellationToken cancellationToken)
        where T : IChildRequest
    {
        using var hold = await _writes.EnterAsync(request.Offset, request.Bytes, exclusive: true).ConfigureAwait(false);
        var children = _children;
        var errors = await ChildRequests.RunAsync(children, request, cancellationToken).ConfigureAwait(false);
        _reports.Bad(request.Type, children, request.Offset, request.Bytes, errors);
        if (errors.Count(error => error is null) >= _settings.Threshold)
            return;
        _reports.Failure(request.Offset, request.Bytes);
        throw QuorumVote.Error(errors);
    }

    private void SetChildren(IReadOnlyList<IBlockChild> children)
    {
        _children = children;
        _profile = ProfileOf(_context, children);
    }

    private static BlockProfile ProfileOf(IBlockNodeContext context, IReadOnlyList<IBlockChild> children) => new()
    {
        Length = WholeSectors(children[0].Length),
        Limits = BlockLimits.Default with { MaxTransfer = MaxTransfer },
        Writable = !context.ReadOnly,
        Flush = Support.Native,
        Fua = Support.Native,
        WriteZeroes = Support.Native,
        WriteZeroesFlags = ZeroFlags.MayUnmap | ZeroFlags.Fua | ZeroFlags.Unchanged,
        Status = Support.Native,
        Concurrency = Concurrency.Parallel,
    };

    private sealed class ReopenStep(QuorumNode node, QuorumSettings settings, IBlockNodeContext context) : IReopenStep
    {
        public void Commit()
        {
            node._settings = settings;
            node._profile = ProfileOf(context, node._children);
        }

        public ValueTask AbortAsync() => ValueTask.CompletedTask;
    }
}
