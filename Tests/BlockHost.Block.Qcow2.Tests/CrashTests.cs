// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Qcow2.Tests;

/// <summary>A power cut at any point leaves an image without corruption that holds everything flushed.</summary>
[Trait("speed", "slow")]
public sealed class CrashTests
{
    private const int Size = 2 << 20;

    [Theory]
    [InlineData("{}", 0)]
    [InlineData("""{"cluster-size": 512, "refcount-bits": 64}""", 0)]
    [InlineData("""{"cluster-size": 4096, "refcount-bits": 16}""", 300_000)]
    [InlineData("""{"cluster-size": 131072, "extended-l2": true}""", 300_000)]
    [InlineData("""{"cluster-size": 4096, "lazy-refcounts": true}""", 300_000)]
    public async Task Any_part_of_what_was_not_flushed_may_be_lost(string options, int backingBytes)
    {
        foreach (var seed in Seeds.All)
        {
            var storage = await TestDisk.CreateAsync(Size, options);
            storage.TrackDurability = true;
            var backing = backingBytes == 0
                ? null
                : new MemoryChild(new MemoryImage(TestDisk.Filled(backingBytes, 0x99)), "backing") { ReadOnly = true };
            var recorder = new CrashRecorder(storage, backing, seed)
            { IsLazy = options.Contains("lazy", StringComparison.Ordinal) };
            await using var disk = await TestDisk.OpenAsync(storage, backing: backing, wrap: recorder.Wrap);
            await recorder.RunAsync(disk, 30);
        }
    }

    /// <summary>Cuts the power now and then, in the middle of operations, and examines what is left.</summary>
    private sealed class CrashRecorder(MemoryImage storage, IBlockChild? backing, int seed)
    {
        private const int Block = 4096;

        private readonly Random _random = new(seed);

        // For each block, the patterns that a reader may find: the flushed one and every later one.
        private readonly HashSet<byte>[] _allowed = [.. Enumerable.Range(0, Size / Block)
            .Select(i => new HashSet<byte> { Initial(i, backing) })];
        private bool _examining;

        /// <summary>Refcounts lag behind: the image left must first be repaired, as opening it for writing does.</summary>
        public bool IsLazy { get; init; }

        public IBlockChild Wrap(IBlockChild inner) => new Probe(inner, this);

        public async Task RunAsync(TestDisk disk, int count)
        {
            for (var i = 0; i < count; i++)
            {
                var first = _random.Next(Size / Block);
                var blocks = Math.Min(1 + _random.Next(40), (Size / Block) - first);
                var pattern = (byte)(1 + _random.Next(200));
                switch (_random.Next(10))
                {
                    case 0:
                        Allow(first, blocks, 0);
                        await disk.Node.WriteZeroesAsync(first * Block, blocks * Block, ZeroFlags.MayUnmap, default);
                        break;
                    case 1:
                        Allow(first, blocks, 0);
                        await disk.Node.DiscardAsync(first * Block, blocks * Block, default);
                        break;
                    case 2:
                        await disk.FlushAsync();
                        await KeepAsync(disk);
                        break;
                    case 3 or 4:
                        await CompressAsync(disk, first, blocks, pattern);
                        break;
                    default:
                        Allow(first, blocks, pattern);
                        await disk.WriteAsync(first * Block, blocks * Block, pattern);
                        break;
                }
            }
        }

        /// <summary>Frees clusters, and writes them compressed: space is shared with what is flushed, and taken again.</summary>
        private async Task CompressAsync(TestDisk disk, int first, int blocks, byte pattern)
        {
            var cluster = Math.Max(Block, (int)disk.Node.Profile.Limits.OptimalTransfer);
            var start = first * Block / cluster * cluster;
            var bytes = Math.Min(Size - start, ((blocks * Block) + cluster - 1) / cluster * cluster);
            Allow(start / Block, bytes / Block, 0);
            await disk.Node.DiscardAsync(start, bytes, default);
            Allow(start / Block, bytes / Block, pattern);
            await disk.Node.WriteAsync(start, TestDisk.Filled(bytes, pattern), WriteFlags.Compressed, default);
        }

        private static byte Initial(int block, IBlockChild? backing) =>
            backing is not null && (block + 1) * Block <= backing.Length ? (byte)0x99 : (byte)0;

        private void Allow(int first, int blocks, byte pattern)
        {
            for (var i = first; i < first + blocks; i++) _allowed[i].Add(pattern);
        }

        /// <summary>After a flush only the present content is allowed.</summary>
        private async Task KeepAsync(TestDisk disk)
        {
            var content = await disk.ReadAsync(0, Size);
            for (var i = 0; i < _allowed.Length; i++)
            {
                _allowed[i].Clear();
                _allowed[i].Add(content[i * Block]);
            }
        }

        private async ValueTask ExamineAsync()
        {
            if (_examining || _random.Next(6) != 0) return;
            _examining = true;
            var left = storage.AfterPowerCut(_random);
            await using (var disk = await TestDisk.OpenAsync(left, readOnly: !IsLazy, backing: backing))
            {
                var result = await disk.CheckAsync();
                Assert.True(result.Corruptions == 0, string.Join('\n', result.Messages));
                var content = await disk.ReadAsync(0, Size);
                for (var i = 0; i < _allowed.Length; i++)
                {
                    // The backing file's end lies inside a block: only whole blocks are judged.
                    if (backing is not null && i == backing.Length / Block) continue;
                    Assert.All(content[(i * Block)..((i + 1) * Block)], b => Assert.Contains(b, _allowed[i]));
                }
            }
            _examining = false;
        }

        private sealed class Probe(IBlockChild inner, CrashRecorder recorder) : DelegatingChild(inner)
        {
            protected override async ValueTask BeforeAsync(ChildOperation operation)
            {
                if (operation.IsWrite || operation.Kind == ChildOperationKind.Flush) await recorder.ExamineAsync();
            }
        }
    }
}
