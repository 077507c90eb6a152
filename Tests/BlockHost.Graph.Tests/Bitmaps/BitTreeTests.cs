// SPDX-License-Identifier: MIT
using System.Collections;
using BlockHost.Block.Bitmaps;
using BlockHost.Core.Block.Bitmaps;

namespace BlockHost.Graph.Tests.Bitmaps;

public sealed class BitTreeTests
{
    private const int Bits = 200_011;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Random_changes_leave_what_they_leave_in_a_plain_array_of_bits(int seed)
    {
        var random = new Random(seed);
        var tree = new BitTree(Bits);
        var model = new BitArray(Bits);
        for (var step = 0; step < 300; step++)
        {
            var first = random.Next(model.Count);
            var end = Math.Min(model.Count + 70, first + 1 + random.Next(random.Next(2) == 0 ? 100 : 90_000));
            var value = random.Next(2) == 0;
            switch (random.Next(12))
            {
                case 0:
                    var size = random.Next(1000, Bits);
                    tree.Resize(size);
                    model.Length = size;
                    break;
                case 1:
                    tree.CopyFrom(tree.Clone());
                    break;
                default:
                    if (value)
                        tree.Set(first, end);
                    else
                        tree.Reset(first, end);
                    for (var i = first; i < end && i < model.Count; i++)
                        model[i] = value;
                    break;
            }

            Compare(model, tree, random);
        }
    }

    [Fact]
    public void Bits_read_as_words_can_be_added_to_another_set()
    {
        var tree = new BitTree(Bits);
        tree.Set(5, 6);
        tree.Set(64, 130);
        tree.Set(32768, 32768 * 3);
        var copy = new BitTree(Bits);
        var words = new byte[512];
        for (long at = 0; at < Bits; at += words.Length * 8)
        {
            tree.Read(at, words);
            copy.Or(at, words);
        }

        Assert.Equal(tree.Count, copy.Count);
        for (var i = 0; i < Bits; i++)
            Assert.Equal(tree[i], copy[i]);
    }

    [Fact]
    public void Words_tell_what_all_their_bits_have_in_common()
    {
        var tree = new BitTree(100);
        var words = new byte[16];
        Assert.Equal(BitmapUniformity.AllClean, tree.Read(0, words));
        tree.Set(0, 99);
        Assert.Equal(BitmapUniformity.Mixed, tree.Read(0, words));
        tree.Set(99, 100);
        Assert.Equal(BitmapUniformity.AllDirty, tree.Read(0, words));
        Assert.Equal(0x0f, words[12]);
        Assert.Equal(0, words[13]);
    }

    [Fact]
    public void Bits_past_the_end_are_not_taken_over()
    {
        var tree = new BitTree(70);
        var ones = new byte[16];
        ones.AsSpan().Fill(0xff);
        tree.Or(0, ones);
        Assert.Equal(70, tree.Count);
    }

    [Fact]
    public void A_set_of_a_million_million_bits_costs_next_to_nothing_until_it_is_used()
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        var tree = new BitTree(1L << 40);
        tree.Set((1L << 39) + 5, (1L << 39) + 7);
        tree.Set(0, 1L << 34);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 8 << 20);
        Assert.Equal((1L << 34) + 2, tree.Count);
        Assert.Equal((1L << 39) + 5, tree.Find(set: true, 1L << 34, 1L << 40));
    }

    [Fact]
    public async Task Bits_set_by_several_threads_are_all_there()
    {
        var tree = new BitTree(Bits);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(thread => Task.Run(() =>
        {
            for (long bit = thread; bit < Bits; bit += 4)
                tree.Set(bit, bit + 1);
        })));
        Assert.Equal(Bits, tree.Count);
        Assert.Equal(Bits, tree.Find(set: false, 0, Bits));
    }

    private static void Compare(BitArray model, BitTree tree, Random random)
    {
        var count = 0;
        for (var i = 0; i < model.Count; i++)
        {
            if (model[i])
                count++;
        }

        Assert.Equal(count, tree.Count);
        for (var sample = 0; sample < 20; sample++)
        {
            var from = random.Next(model.Count);
            var value = random.Next(2) == 0;
            var expected = from;
            while (expected < model.Count && model[expected] != value)
                expected++;
            Assert.Equal(expected, tree.Find(value, from, long.MaxValue));
            Assert.Equal(model[from], tree[from]);
        }
    }
}
