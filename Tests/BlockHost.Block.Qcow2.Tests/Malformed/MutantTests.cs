// SPDX-License-Identifier: MIT
using System.Text;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Qcow2.Tests.Malformed;

/// <summary>
/// Whatever the metadata says: everything ends soon, takes little memory, and answers or says clearly why not.
/// </summary>
[Collection(nameof(Alone))]
[Trait("speed", "slow")]
public sealed class MutantTests
{
    /// <summary>Bytes that damage may make the same work allocate more, all told.</summary>
    private const long MaxAllocatedMore = 1L << 30;

    private static readonly TimeSpan MaxTime = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData("{}", 100)]
    [InlineData("""{"cluster-size": 512, "refcount-bits": 64}""", 50)]
    [InlineData("""{"extended-l2": true, "cluster-size": 16384}""", 100)]
    [InlineData("""{"version": "v2", "cluster-size": 4096}""", 100)]
    [InlineData("""{"lazy-refcounts": true, "refcount-bits": 1, "cluster-size": 2097152}""", 5)]
    public async Task Damage_is_met_with_an_answer_or_a_clear_error(string options, int mutants)
    {
        var image = await Samples.MakeOwnAsync(options);
        await TortureAsync(image, mutants);
    }

    [SkippableTheory]
    [InlineData("")]
    [InlineData("compat=0.10")]
    [InlineData("extended_l2=on,refcount_bits=8")]
    public async Task Damage_to_images_of_qemu_is_met_with_an_answer_or_a_clear_error(string options)
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        await TortureAsync(Samples.Make(qemu, options).Image, 30);
    }

    private static async Task TortureAsync(byte[] image, int mutants)
    {
        var map = new ImageMap(image);
        var found = new StringBuilder();
        var usual = await MeasureAsync(image, 0);
        for (var seed = 0; seed < mutants * Factor; seed++)
        {
            var (mutant, what) = new Mutator(seed).Mutate(image, map, map.Places);
            try
            {
                var allocated = await Task.Run(() => MeasureAsync(mutant, seed)).WaitAsync(MaxTime);
                if (allocated - (2 * usual) > MaxAllocatedMore) found.AppendLine($"{what}\nallocated {allocated >> 20} MiB");
            }
            catch (Exception e) when (e is not BlockException)
            {
                found.AppendLine($"{what}\n{string.Join('\n', e.ToString().Split('\n').Take(6))}");
            }
            if (found.Length > 9000) break;
        }
        Assert.True(found.Length == 0, found.ToString());
    }

    private static int Factor { get; } = SearchSize.Of("BLOCKHOST_MUTANTS_FACTOR", 1);

    /// <returns>Bytes allocated.</returns>
    private static async Task<long> MeasureAsync(byte[] mutant, int seed)
    {
        var before = GC.GetTotalAllocatedBytes();
        await UseAsync(mutant, seed);
        return GC.GetTotalAllocatedBytes() - before;
    }

    private static async Task UseAsync(byte[] mutant, int seed)
    {
        await TryAsync(async () =>
        {
            await using var disk = await TestDisk.OpenAsync(new MemoryImage(mutant.ToArray()), readOnly: true);
            await WorkAsync(disk, new Random(seed), writable: false);
        });
        await TryAsync(async () =>
        {
            await using var disk = await TestDisk.OpenAsync(new MemoryImage(mutant.ToArray()));
            await WorkAsync(disk, new Random(seed), writable: true);
        });
        await TryAsync(async () =>
        {
            await using var disk = await TestDisk.OpenAsync(new MemoryImage(mutant.ToArray()), forRepair: true);
            await disk.CheckAsync();
            await disk.CheckAsync(CheckRepair.Leaks | CheckRepair.Errors);
            await WorkAsync(disk, new Random(seed), writable: false);
        });
    }

    private static async Task WorkAsync(TestDisk disk, Random random, bool writable)
    {
        var size = Math.Min(disk.Length, 4 << 20);
        for (var i = 0; i < 6 && size > 0; i++)
        {
            var offset = random.NextInt64(size);
            var bytes = (int)Math.Min(size - offset, 1 + random.Next(100_000));
            await TryAsync(async () => await disk.ReadAsync(offset, bytes));
            await TryAsync(async () => await disk.Node.GetStatusAsync(offset, bytes, StatusPrecision.WantZero, default));
            if (!writable) continue;
            await TryAsync(async () => await disk.WriteAsync(offset, bytes, 7));
            await TryAsync(async () => await disk.Node.DiscardAsync(offset, bytes, default));
            await TryAsync(async () => await disk.FlushAsync());
        }
        await TryAsync(async () => await disk.CheckAsync());
        if (!writable || disk.Facet<IImageInfo>() is null) return;
        var store = disk.Facet<ISnapshotStore>();
        await TryAsync(
            async () =>
                await store.CreateAsync(new SnapshotRecord("", "new", 0, DateTimeOffset.UnixEpoch, TimeSpan.Zero), default));
        await TryAsync(async () => await store.ApplyAsync("1", default));
        await TryAsync(async () => await store.DeleteAsync("1", null, default));
        await TryAsync(async () => await disk.Facet<IResizable>().ResizeAsync(8 << 20, new ResizeOptions(), default));
    }

    /// <summary>A block exception with a text is an answer.</summary>
    private static async Task TryAsync(Func<Task> action)
    {
        try
        {
            await action();
        }
        catch (BlockException e) when (e.Message.Length > 0)
        {
        }
    }
}

/// <summary>Tests that measure what the whole process does.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
[Trait("speed", "slow")]
public sealed class Alone;
