// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Plugins.Filter.Blkverify;

/// <summary>
/// Every request goes to both children, and both must answer alike: the same error or none, and the same bytes. Requests that
/// overlap take turns where one of them writes, or two right children could part.
/// </summary>
internal sealed class BlkverifyNode(IBlockNodeContext context, IBlockChild test, IBlockChild raw) : BlockNode, IResizable
{
    /// <summary>Longer requests are split, as a read takes that much memory.</summary>
    private const int MaxTransfer = 32 << 20;

    private readonly RangeLock _order = new();
    private volatile Shown? _shown;
    private volatile string? _difference;

    /// <summary>The tested image's length; it can grow where both can.</summary>
    public override BlockProfile Profile
    {
        get
        {
            var now = (test.Profile, raw.Profile, test.Length);
            var shown = _shown;
            if (shown is null || shown.Of != now)
                _shown = shown = new Shown(now, ProfileOf(context, test, raw));
            return shown.Own;
        }
    }

    public override string? FileName => IsPlain(raw) && IsPlain(test) ? $"blkverify:{raw.FileName}:{test.FileName}" : null;

    /// <summary>Into memory of its own: a user may give the same to several requests at once.</summary>
    public override async ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        Check();
        using var hold = await _order.EnterAsync(offset, target.Length, exclusive: false).ConfigureAwait(false);
        using var ofTest = context.Host.Buffers.Rent((int)target.Length);
        using var ofRaw = context.Host.Buffers.Rent((int)target.Length);
        var answers = await Answers.OfAsync(
            () => test.ReadAsync(offset, ofTest.Memory, ReadFlags.None, cancellationToken),
            () => raw.ReadAsync(offset, ofRaw.Memory, ReadFlags.None, cancellationToken)).ConfigureAwait(false);
        await CompareAsync(answers, "read", offset, target.Length).ConfigureAwait(false);
        var same = ofTest.Memory.Span.CommonPrefixLength(ofRaw.Memory.Span);
        if (same < target.Length)
            throw await DifferenceAsync(
                "read", offset, target.Length, $"contents mismatch at offset {offset + same}").ConfigureAwait(false);
        target.CopyFrom(ofTest.Memory.Span);
    }

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken) =>
        ChangeAsync(offset, source.Length, child => child.WriteAsync(offset, source, flags, cancellationToken));

    public override ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken) =>
        ChangeAsync(offset, bytes, child => child.WriteZeroesAsync(offset, bytes, flags, cancellationToken));

    /// <summary>What counts is whether the tested image can; as in QEMU nobody is told where the copy cannot.</summary>
    public override async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        Check();
        var answers = await Answers.OfAsync(
            () => test.FlushAsync(cancellationToken), () => raw.FlushAsync(cancellationToken)).ConfigureAwait(false);
        if (answers.Test is not null)
            throw answers.Test;
    }

    /// <summary>The copy's: as in QEMU the node is a filter over it.</summary>
    public override ValueTask<BlockStatus> GetStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken) =>
        new(new BlockStatus(bytes, BlockStatusFlags.Raw | BlockStatusFlags.OffsetValid, offset, raw));

    /// <summary>Both, or the image goes back to what it was.</summary>
    public async ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        Check();
        using var hold = await _order.EnterAsync(0, long.MaxValue, exclusive: true).ConfigureAwait(false);
        var before = raw.Length;
        await raw.ResizeAsync(length, options, cancellationToken).ConfigureAwait(false);
        try
        {
            await test.ResizeAsync(length, options, cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException) when (before < length)
        {
            await raw.ResizeAsync(before, default, cancellationToken).ConfigureAwait(false);
            throw;
        }
    }

    private async ValueTask ChangeAsync(long offset, long bytes, Func<IBlockChild, ValueTask> change)
    {
        Check();
        using var hold = await _order.EnterAsync(offset, bytes, exclusive: true).ConfigureAwait(false);
        var answers = await Answers.OfAsync(() => change(test), () => change(raw)).ConfigureAwait(false);
        await CompareAsync(answers, "write", offset, bytes).ConfigureAwait(false);
    }

    /// <exception cref="BlockException">Both have failed alike, or one has.</exception>
    private async ValueTask CompareAsync(Answers answers, string kind, long offset, long bytes)
    {
        var (ofTest, ofRaw) = (answers.Test?.Errno ?? 0, answers.Raw?.Errno ?? 0);
        if (ofTest != ofRaw)
            throw await DifferenceAsync(
                kind, offset, bytes, $"return value mismatch {-ofTest} != {-ofRaw}").ConfigureAwait(false);
        if (answers.Test is not null)
            throw answers.Test;
    }

    /// <summary>Ends a tool; in a daemon this node has failed from here on, and nothing else.</summary>
    private async ValueTask<BlockException> DifferenceAsync(string kind, long offset, long bytes, string what)
    {
        var message = $"blkverify: {kind} offset={offset} bytes={bytes} {what}";
        _difference = message;
        await context.GiveUpAsync(message, offset, bytes).ConfigureAwait(false);
        return new BlockException(BlockErrorKind.Io, message) { NodeName = context.NodeName, Offset = offset };
    }

    private void Check()
    {
        if (_difference is { } difference)
            throw new BlockException(BlockErrorKind.Io, difference) { NodeName = context.NodeName };
    }

    private sealed record Shown((BlockProfile Test, BlockProfile Raw, long Length) Of, BlockProfile Own);

    private static bool IsPlain(IBlockChild child) => !child.FileName.StartsWith("json:", StringComparison.Ordinal);

    private static BlockProfile ProfileOf(IBlockNodeContext context, IBlockChild test, IBlockChild raw) => new()
    {
        Length = test.Length,
        Limits = BlockLimits.Default with { MaxTransfer = MaxTransfer },
        Writable = !context.ReadOnly,
        Growable = test.Profile.Growable && raw.Profile.Growable,
        NewStorageReadsZero = test.Profile.NewStorageReadsZero && raw.Profile.NewStorageReadsZero,
        Flush = Support.Native,
        WriteZeroes = Support.Native,
        WriteZeroesFlags = ZeroFlags.MayUnmap | ZeroFlags.Unchanged,
        Status = Support.Native,
    };
}
