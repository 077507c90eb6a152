// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Abstractions.Tests;

public sealed class IoSliceTests
{
    [Fact]
    public void A_slice_of_a_vector_yields_the_segments_cut_to_it()
    {
        var slice = Vector(3, 5, 4).All.Slice(2, 8);

        Assert.Equal([1, 5, 2], Lengths(slice));
        Assert.Equal(3, slice.SegmentCount);
        Assert.Equal([2, 3, 4, 5, 6, 7, 8, 9], Bytes(slice));
    }

    [Fact]
    public void Slices_of_slices_agree_with_the_same_ranges_of_a_flat_array()
    {
        var random = new Random(7);
        for (var run = 0; run < 500; run++)
        {
            var vector = Vector([.. Enumerable.Range(0, random.Next(1, 6)).Select(_ => random.Next(0, 9))]);
            var flat = Enumerable.Range(0, (int)vector.Length).Select(i => (byte)i).ToArray();
            var slice = vector.All;
            for (var depth = 0; depth < 3; depth++)
            {
                var start = random.Next(0, (int)slice.Length + 1);
                var length = random.Next(0, (int)slice.Length - start + 1);
                slice = slice.Slice(start, length);
                flat = flat[start..(start + length)];
            }

            Assert.Equal(flat, Bytes(slice));
            Assert.Equal(flat.Length, slice.Length);
        }
    }

    [Theory]
    [InlineData(-1, 1)]
    [InlineData(0, 13)]
    [InlineData(12, 1)]
    [InlineData(1, long.MaxValue)]
    [InlineData(long.MaxValue, 1)]
    public void A_range_outside_of_the_slice_is_refused(long start, long length)
    {
        var slice = Vector(3, 5, 4).All;

        Assert.Throws<ArgumentOutOfRangeException>(() => slice.Slice(start, length));
    }

    [Fact]
    public void Copies_in_and_out_cross_segments()
    {
        var vector = Vector(3, 5, 4);
        byte[] source = [90, 91, 92, 93, 94, 95];

        vector.All.Slice(1).CopyFrom(source);

        var copy = new byte[12];
        vector.All.CopyTo(copy);
        Assert.Equal([0, 90, 91, 92, 93, 94, 95, 7, 8, 9, 10, 11], copy);
        Assert.Throws<ArgumentException>(() => vector.All.Slice(8).CopyFrom(source));
    }

    [Fact]
    public void A_range_inside_one_segment_is_contiguous_memory()
    {
        Assert.True(Vector(3, 5, 4).All.Slice(3, 5).TryGetMemory(out var memory));
        Assert.Equal([3, 4, 5, 6, 7], memory.ToArray());
        Assert.False(Vector(3, 5, 4).All.Slice(2, 2).TryGetMemory(out _));
    }

    [Fact]
    public void Zero_test_and_clear_cover_the_slice_and_nothing_else()
    {
        var vector = Vector(3, 5, 4);
        var inner = vector.All.Slice(2, 8);

        Assert.False(inner.IsZero());
        inner.Clear();

        Assert.True(inner.IsZero());
        Assert.Equal([0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 10, 11], Bytes(vector));
    }

    [Fact]
    public void Slicing_and_enumerating_allocate_nothing()
    {
        var vector = Vector(512, 512, 512);

        Assert.Equal(0, Allocations.Of(() => Touch(vector)));
    }

    [Fact]
    public void A_cleared_vector_can_be_filled_again()
    {
        var vector = Vector(3, 5);
        vector.Clear();
        Assert.True(vector.All.IsEmpty);

        vector.Add(new byte[] { 7 });
        vector.Add(Memory<byte>.Empty);

        Assert.Equal(1, vector.Count);
        Assert.Equal([7], Bytes(vector));
    }

    private static long Touch(IoVector vector)
    {
        long sum = 0;
        foreach (var segment in vector.All.Slice(100, 1200))
            sum += segment.Length;
        return sum;
    }

    private static IoVector Vector(params int[] lengths)
    {
        var vector = new IoVector(capacity: 1);
        byte next = 0;
        foreach (var length in lengths)
            vector.Add(Enumerable.Range(0, length).Select(_ => next++).ToArray());
        return vector;
    }

    private static int[] Lengths(IoSlice slice)
    {
        var lengths = new List<int>();
        foreach (var segment in slice)
            lengths.Add(segment.Length);
        return [.. lengths];
    }

    private static byte[] Bytes(IoSlice slice)
    {
        var bytes = new byte[slice.Length];
        slice.CopyTo(bytes);
        return bytes;
    }
}
