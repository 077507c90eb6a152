// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Formats.Testing;

/// <summary>
/// Whatever number stands in a field of an image, opening, reading, mapping, checking, repairing and writing it end soon and
/// take little memory and space, or are refused. The numbers are those at which arithmetic goes wrong: near 2^31, 2^32, 2^54,
/// 2^62, 2^63 and 0.
/// </summary>
/// <param name="seal">Makes checksums right again.</param>
public sealed class ExtremeFields(FormatBed bed, MemoryImage whole, bool bigEndian, Action<MemoryImage>? seal = null)
{
    private const int Piece = 4096;
    private const int ReadPiece = 64 << 10;
    private const int MostRanges = 1000;
    private const long MostAllocated = 400 << 20;

    /// <summary>Far more than any step takes, and far less than for ever.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private static readonly uint[] Words = [0, 1, 0x1ff, 0xffffff, 0x7fffffff, 0x80000000, 0xfffffe00, 0xfffffffe, 0xffffffff];

    private static readonly ulong[] Numbers =
    [
        0, 1, 0x1ff, 0x7fffffff, 1UL << 31, uint.MaxValue - 1, uint.MaxValue, 1UL << 32, (1UL << 32) + 1, 1UL << 40,
        (1UL << 53) - 512, 1UL << 54, (1UL << 55) - 1, 1UL << 62, (1UL << 63) - 65536, long.MaxValue - 511, long.MaxValue,
        1UL << 63, ulong.MaxValue - 511, ulong.MaxValue,
    ];

    /// <summary>The format is only read: nothing is repaired and written.</summary>
    public bool IsReadOnly { get; init; }

    /// <param name="to">Where the last field ends.</param>
    public async Task ExamineAsync(long from, long to)
    {
        foreach (var (at, value) in Fields(from, to))
        {
            var mutant = whole.Clone();
            mutant.Write(at, value);
            seal?.Invoke(mutant);
            await ExamineAsync(mutant, $"{bed.Format} with {Convert.ToHexString(value)} at {at}");
        }
    }

    /// <summary>One damaged image.</summary>
    public async Task ExamineAsync(MemoryImage mutant, string name)
    {
        await BoundedAsync(mutant.Clone(), name, readOnly: true, repair: false, LookAsync);
        if (IsReadOnly)
            return;
        await BoundedAsync(mutant.Clone(), name, readOnly: false, repair: true, RepairAsync);
        await BoundedAsync(mutant, name, readOnly: false, repair: false, WriteAsync);
    }

    private IEnumerable<(long At, byte[] Value)> Fields(long from, long to)
    {
        for (var at = from; at + 4 <= to; at += 4)
        {
            foreach (var word in Words)
                yield return (at, Bytes(word, 4));
            for (var i = 0; at + 8 <= to && i < Numbers.Length; i++)
                yield return (at, Bytes(Numbers[i], 8));
        }
    }

    private byte[] Bytes(ulong value, int size) => ReaderExam.BytesOf(value, size, bigEndian);

    /// <summary>What is refused is refused by a BlockException and nothing else.</summary>
    private async Task BoundedAsync(MemoryImage image, string name, bool readOnly, bool repair, Func<BlockNode, Task> work)
    {
        var budget = new Budget();
        var host = new TestPluginHost { Buffers = new TrackingBufferPool { Recycle = true } };
        var before = GC.GetTotalAllocatedBytes();
        var done = Task.Run(async () =>
        {
            try
            {
                await using var node = await bed.OpenAsync(
                    image, readOnly, wrap: child => new BudgetedChild(child, budget), forRepair: repair, host: host);
                await work(node);
            }
            catch (BlockException)
            {
                // Refused.
            }
        });
        Assert.True(await Task.WhenAny(done, Task.Delay(Patience)) == done, $"{name}: {work.Method.Name} does not end");
        Assert.True(done.IsCompletedSuccessfully, $"{name}: {work.Method.Name}: {done.Exception?.InnerException}");
        Assert.False(budget.IsSpent, $"{name}: {work.Method.Name} does {budget}");
        var allocated = GC.GetTotalAllocatedBytes() - before;
        Assert.True(allocated < MostAllocated, $"{name}: {work.Method.Name} allocates {allocated} bytes");
    }

    private static async Task LookAsync(BlockNode node)
    {
        var length = node.Profile.Length;
        if (length > 0)
        {
            await TryAsync(() => node.ReadAsync(0, new byte[Math.Min(ReadPiece, length)], ReadFlags.None, default));
            await TryAsync(() => node.ReadAsync(
                Math.Max(length - ReadPiece, 0), new byte[Math.Min(ReadPiece, length)], ReadFlags.None, default));
        }

        var ranges = 0;
        for (long offset = 0; offset < length && ranges < MostRanges; ranges++)
            offset += await RunAsync(node, offset, length - offset);
        if (node.TryGetFacet<IImageCheck>(out _))
            await Disk.CheckAsync(node);
    }

    /// <summary>A range that cannot be told is left out as a piece.</summary>
    private static async Task<long> RunAsync(BlockNode node, long offset, long bytes)
    {
        try
        {
            var status = await node.GetStatusAsync(offset, bytes, StatusPrecision.WantZero, default);
            Assert.InRange(status.Bytes, 1, bytes);
            return status.Bytes;
        }
        catch (BlockException)
        {
            return Math.Min(bytes, 1 << 20);
        }
    }

    private static async Task RepairAsync(BlockNode node)
    {
        if (node.TryGetFacet<IImageCheck>(out _))
            await Disk.CheckAsync(node, CheckRepair.Errors | CheckRepair.Leaks);
    }

    private static async Task WriteAsync(BlockNode node)
    {
        var length = node.Profile.Length;
        if (length < Piece)
            return;
        await TryAsync(() => Disk.WriteAsync(node, 0, Piece, 1));
        await TryAsync(() => Disk.WriteAsync(node, (length - Piece) / Piece * Piece, Piece, 2));
        await node.FlushAsync(default);
    }

    private static async Task TryAsync(Func<ValueTask> request)
    {
        try
        {
            await request();
        }
        catch (BlockException)
        {
            // Others may go well.
        }
    }

    private sealed class Budget
    {
        private const int MostOperations = 100_000;
        private const long MostBytes = 4L << 30;

        private long _operations;
        private long _bytes;

        public bool IsSpent => _operations > MostOperations || _bytes > MostBytes;

        public override string ToString() => $"{_operations} requests of {_bytes} bytes";

        public void Spend(ChildOperation operation)
        {
            _operations++;
            if (operation.Kind is ChildOperationKind.Read or ChildOperationKind.Write)
                _bytes += operation.Bytes;
            if (IsSpent)
                throw new BlockException(BlockErrorKind.Io, "The budget is spent");
        }
    }

    private sealed class BudgetedChild(IBlockChild inner, Budget budget) : DelegatingChild(inner)
    {
        protected override ValueTask BeforeAsync(ChildOperation operation)
        {
            budget.Spend(operation);
            return default;
        }
    }
}
