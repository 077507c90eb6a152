// SPDX-License-Identifier: MIT
using System.Buffers;
using BlockHost.Block;

namespace BlockHost.Formats.Reading;

/// <summary>
/// Blocks of a compressed image, unpacked on the runtime's pool and kept for who comes back for the next part. Who reads block
/// after block finds the next ones under way.
/// <code>
///   wanted ─► being unpacked ─► in use ─► idle, until room is needed (the longest unused goes first)
/// </code>
/// All of them together take at most the memory given, or that of a single block where one is larger. Safe for any number of
/// threads.
/// </summary>
/// <param name="mostBytes">Of unpacked blocks.</param>
/// <param name="sizeOf">Unpacked bytes of a block; 0: it is not packed, or there is none of that number.</param>
/// <param name="unpack">Fills a buffer of that size.</param>
public sealed class UnpackedBlocks(
    long mostBytes, Func<long, int> sizeOf, Func<long, Memory<byte>, ValueTask> unpack, IIoBufferPool buffers)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<long, Block> _blocks = [];
    private readonly LinkedList<Block> _idle = [];
    private readonly int _distance = Math.Clamp(Environment.ProcessorCount, 1, 8);
    private readonly HashSet<Task> _ahead = [];
    private TaskCompletionSource _roomMade = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _bytes;
    private long _last = -1;

    /// <summary>Reads within one block.</summary>
    public async ValueTask ReadAsync(long number, int within, IoSlice target, CancellationToken cancellationToken)
    {
        while (!await TryReadAsync(number, within, target, cancellationToken).ConfigureAwait(false))
        {
        }
    }

    /// <summary>Ends what is done ahead of requests.</summary>
    public async ValueTask SettleAsync()
    {
        Task[] running;
        lock (_lock)
            running = [.. _blocks.Values.Select(block => block.Unpacked), .. _ahead];
        await Task.WhenAll(running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Gives all memory back. No request is under way, and none follows.</summary>
    public async ValueTask CloseAsync()
    {
        await SettleAsync().ConfigureAwait(false);
        lock (_lock)
        {
            foreach (var block in _blocks.Values.ToList()) Drop(block);
        }
    }

    /// <returns>False: somebody else's unpacking failed, such as one ahead of requests.</returns>
    private async ValueTask<bool> TryReadAsync(long number, int within, IoSlice target, CancellationToken cancellationToken)
    {
        var (block, isOwn) = await UseAsync(number, cancellationToken).ConfigureAwait(false);
        try
        {
            ReadAhead(number);
            await block.Unpacked.WaitAsync(cancellationToken).ConfigureAwait(false);
            target.CopyFrom(block.Content.Memory.Span.Slice(within, (int)target.Length));
            return true;
        }
        catch (BlockException) when (!isOwn)
        {
            return false;
        }
        finally
        {
            Release(block);
        }
    }

    private async ValueTask<(Block Block, bool IsOwn)> UseAsync(long number, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task roomMade;
            lock (_lock)
            {
                var isOwn = !_blocks.ContainsKey(number);
                if (TryUse(number) is { } block)
                    return (block, isOwn);
                roomMade = _roomMade.Task;
            }

            await roomMade.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Only where somebody reads in order: whose block follows the last one, or is near it.</summary>
    private void ReadAhead(long number)
    {
        lock (_lock)
        {
            var isInOrder = number > _last && number <= _last + _distance;
            if (number == _last)
                return;
            _last = number;
            if (!isInOrder)
                return;
            for (var next = number + 1; next <= number + _distance && sizeOf(next) > 0; next++)
            {
                if (_blocks.ContainsKey(next))
                    continue;
                if (TryUse(next) is not { } block)
                    return;
                KeepUntilUnpacked(block);
            }
        }
    }

    /// <summary>Under the lock.</summary>
    private void KeepUntilUnpacked(Block block)
    {
        _ahead.RemoveWhere(done => done.IsCompleted);
        _ahead.Add(ReleaseUnpackedAsync(block));
    }

    private async Task ReleaseUnpackedAsync(Block block)
    {
        await block.Unpacked.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ForceYielding);
        Release(block);
    }

    /// <summary>Null: there is no room until somebody releases a block.</summary>
    private Block? TryUse(long number)
    {
        if (!_blocks.TryGetValue(number, out var block))
        {
            var size = sizeOf(number);
            while (_bytes + size > mostBytes && _idle.First is { } oldest) Drop(oldest.Value);
            if (_bytes + size > mostBytes && _bytes > 0)
                return null;
            block = Start(number, size);
        }
        else if (block.Place.List is not null)
        {
            _idle.Remove(block.Place);
        }

        block.Users++;
        return block;
    }

    private Block Start(long number, int size)
    {
        var block = new Block(number, buffers.Rent(size));
        block.Unpacked = Task.Run(() => UnpackAsync(block));
        _blocks[number] = block;
        _bytes += size;
        return block;
    }

    /// <summary>What fails is nobody's any more: who comes next tries again.</summary>
    private async Task UnpackAsync(Block block)
    {
        try
        {
            await unpack(block.Number, block.Content.Memory).ConfigureAwait(false);
        }
        catch
        {
            lock (_lock)
                Forget(block);
            throw;
        }
    }

    private void Release(Block block)
    {
        lock (_lock)
        {
            // What is given up before it is unpacked still has its buffer: the last one to leave then is the unpacking itself.
            if (--block.Users > 0)
                return;
            if (!block.Unpacked.IsCompleted)
            {
                block.Users++;
                KeepUntilUnpacked(block);
                return;
            }

            if (block.Unpacked.IsCompletedSuccessfully && !block.IsDropped)
                _idle.AddLast(block.Place);
            else
                Drop(block);
            _roomMade.SetResult();
            _roomMade = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    private void Drop(Block block)
    {
        if (block.IsDropped)
            return;
        block.IsDropped = true;
        if (block.Place.List is not null)
            _idle.Remove(block.Place);
        Forget(block);
        _bytes -= block.Content.Memory.Length;
        block.Content.Dispose();
    }

    private void Forget(Block block)
    {
        if (_blocks.TryGetValue(block.Number, out var known) && known == block)
            _blocks.Remove(block.Number);
    }

    private sealed class Block
    {
        public Block(long number, IMemoryOwner<byte> content) => (Number, Content, Place) = (number, content, new(this));

        public long Number { get; }

        public IMemoryOwner<byte> Content { get; }

        public Task Unpacked { get; set; } = Task.CompletedTask;

        public LinkedListNode<Block> Place { get; }

        public int Users { get; set; }

        public bool IsDropped { get; set; }
    }
}
