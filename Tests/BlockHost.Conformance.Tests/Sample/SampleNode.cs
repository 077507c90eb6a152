// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Conformance.Tests.Sample;

internal sealed class SampleNode : BlockNode, IResizable
{
    private const int Header = SampleDriver.HeaderLength;
    private const int BounceBelow = 64;

    private readonly IBlockNodeContext _context;
    private readonly IBlockChild _child;
    private readonly Defect _defect;
    private readonly byte[] _scratch = new byte[256 * 1024];
    private readonly ITimer? _timer;
    private readonly IDisposable _yank;
    private int _inFlight;
    private BlockProfile _profile;

    public SampleNode(IBlockNodeContext context, IBlockChild child, Defect defect)
    {
        _context = context;
        _child = child;
        _defect = defect;
        _profile = MakeProfile(child.Length - Header);
        _yank = context.OnYank(ShutDown);
        if (defect == Defect.IgnoresDrain)
            _timer = context.Host.Clock.CreateTimer(
                _ => child.FlushAsync().AsTask().Wait(), null, TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(5));
    }

    public override BlockProfile Profile => _profile;

    public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken) =>
        _defect switch
        {
            Defect.IgnoresSegmentOffsets => ReadEachFromStartAsync(offset, target),
            Defect.KeepsBufferAfterCancel =>
                new(_child.ReadAsync(Header + offset, target, flags, CancellationToken.None)
                    .AsTask().WaitAsync(cancellationToken)),
            Defect.Allocates =>
                _child.ReadAsync(Header + offset, target.Slice(0, new byte[target.Length].Length), flags, cancellationToken),
            _ => _child.ReadAsync(Header + offset, target, flags, cancellationToken),
        };

    public override async ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _inFlight);
        try
        {
            if (_defect == Defect.SharesScratch)
                await WriteThroughScratchAsync(offset, source, flags, cancellationToken);
            else if (source.Length < BounceBelow)
                await WriteBouncedAsync(offset, source, flags, cancellationToken);
            else
                await WriteChildAsync(offset, source, flags, cancellationToken);
        }
        catch (BlockException) when (_defect == Defect.SwallowsErrors)
        {
        }
        catch (BlockException e) when (_defect == Defect.ThrowsForeignException)
        {
            throw new InvalidOperationException("boom", e);
        }
        finally
        {
            Interlocked.Decrement(ref _inFlight);
        }
    }

    public override ValueTask FlushAsync(CancellationToken cancellationToken) =>
        _defect == Defect.FlushIsALie ? ValueTask.CompletedTask : _child.FlushAsync(cancellationToken);

    public override ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken) =>
        _child.WriteZeroesAsync(Header + offset, bytes, flags, cancellationToken);

    public override ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken) =>
        _child.DiscardAsync(Header + offset, bytes, cancellationToken);

    public override ValueTask<BlockStatus> GetStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken) =>
        _defect == Defect.StatusLies
            ? new(new BlockStatus(bytes, BlockStatusFlags.Zero | BlockStatusFlags.Allocated))
            : new(new BlockStatus(bytes, BlockStatusFlags.Raw | BlockStatusFlags.OffsetValid, Header + offset, _child));

    public async ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        await _child.ResizeAsync(Header + length, options, cancellationToken);
        _profile = MakeProfile(length);
    }

    public override ValueTask DisposeAsync()
    {
        _timer?.Dispose();
        _yank.Dispose();
        if (_defect == Defect.WritesAfterClose && !_context.ReadOnly)
            _context.Host.Clock.CreateTimer(_ => WriteLate(), null, TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan);
        return ValueTask.CompletedTask;
    }

    private void ShutDown()
    {
        while (_defect == Defect.YankBlocks && Volatile.Read(ref _inFlight) > 0)
            Thread.Sleep(1);
    }

    private void WriteLate()
    {
        try
        {
            _child.WriteAsync(0, new byte[] { 1 }).AsTask().Wait();
        }
        catch (Exception e) when (e is AggregateException or BlockException)
        {
        }
    }

    private async ValueTask ReadEachFromStartAsync(long offset, IoSlice target)
    {
        foreach (var segment in target)
            await _child.ReadAsync(Header + offset, segment);
    }

    private async ValueTask WriteThroughScratchAsync(
        long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        source.CopyTo(_scratch);
        await _child.WriteAsync(Header + offset, _scratch.AsMemory(0, (int)source.Length), flags, cancellationToken);
    }

    private async ValueTask WriteBouncedAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        var bounce = _context.Host.Buffers.Rent((int)source.Length);
        var written = false;
        try
        {
            source.CopyTo(bounce.Memory.Span);
            await WriteChildAsync(offset, bounce.Memory, flags, cancellationToken);
            written = true;
        }
        finally
        {
            if (written || _defect != Defect.LeaksBufferOnError)
                bounce.Dispose();
        }
    }

    private async ValueTask WriteChildAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        await _child.WriteAsync(Header + offset, source, flags, cancellationToken);
        if (_defect == Defect.Overruns && offset + source.Length < _profile.Length)
            await _child.WriteAsync(Header + offset + source.Length, new byte[] { 0x55 }, flags, cancellationToken);
    }

    private BlockProfile MakeProfile(long length) => new()
    {
        Length = length,
        Writable = !_context.ReadOnly,
        Flush = Support.Native,
        Fua = Support.Native,
        WriteZeroes = Support.Native,
        Discard = Support.Native,
        Status = Support.Native,
        Concurrency = Concurrency.Parallel,
    };
}
