// SPDX-License-Identifier: MIT
namespace BlockHost.Posix.Tests;

/// <summary>Descriptors beside bytes, over a pair of Unix sockets.</summary>
public sealed unsafe class DescriptorPassingTests : IDisposable
{
    private readonly int _ours;
    private readonly int _theirs;

    public DescriptorPassingTests()
    {
        var pair = stackalloc int[2];
        Assert.Equal(0, Libc.socketpair(Libc.AF_UNIX, Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC, 0, pair));
        (_ours, _theirs) = (pair[0], pair[1]);
    }

    public void Dispose()
    {
        _ = Libc.close(_ours);
        _ = Libc.close(_theirs);
    }

    [Fact]
    public void A_descriptor_arrives_as_one_for_the_same_file()
    {
        var (reader, writer) = Pipe();

        Assert.Equal(2, DescriptorPassing.Send(_ours, [1, 2], [writer]));
        var bytes = new byte[8];
        var descriptors = new int[1];
        Assert.Equal(2, DescriptorPassing.Receive(_theirs, bytes, descriptors, out var count));

        Assert.Equal((1, (byte)1, (byte)2), (count, bytes[0], bytes[1]));
        Assert.NotEqual(writer, descriptors[0]);
        byte sent = 42, got = 0;
        Assert.Equal(1, Libc.write(descriptors[0], &sent, 1));
        Assert.Equal(1, Libc.read(reader, &got, 1));
        Assert.Equal(sent, got);
        Close(reader, writer, descriptors[0]);
    }

    [Fact]
    public void Bytes_can_come_alone()
    {
        Assert.Equal(1, DescriptorPassing.Send(_ours, [7], []));

        Assert.Equal(1, DescriptorPassing.Receive(_theirs, new byte[8], new int[4], out var count));
        Assert.Equal(0, count);
    }

    [Fact]
    public void The_end_of_the_stream_is_no_error()
    {
        var (first, second) = Pair();
        Close(first);

        Assert.Equal(0, DescriptorPassing.Receive(second, new byte[8], new int[1], out var count));
        Assert.Equal(0, count);
        Close(second);
    }

    [Fact]
    public void More_descriptors_than_are_taken_are_closed_and_refused()
    {
        var (reader, writer) = Pipe();
        Assert.Equal(1, DescriptorPassing.Send(_ours, [1], [writer, writer, writer]));
        Close(writer);

        Assert.Throws<IOException>(() => DescriptorPassing.Receive(_theirs, new byte[8], new int[1], out _));

        byte nothing;
        Assert.Equal(0, Libc.read(reader, &nothing, 1)); // every writing end is closed
        Close(reader);
    }

    [Fact]
    public void The_most_that_the_kernel_takes_goes_at_once()
    {
        var (reader, writer) = Pipe();
        Assert.Equal(1, DescriptorPassing.Send(_ours, [1], [.. Enumerable.Repeat(writer, DescriptorPassing.Most)]));

        var descriptors = new int[DescriptorPassing.Most];
        Assert.Equal(1, DescriptorPassing.Receive(_theirs, new byte[1], descriptors, out var count));

        Assert.Equal(DescriptorPassing.Most, count);
        Close([reader, writer, .. descriptors]);
        Assert.Throws<ArgumentException>(() => DescriptorPassing.Send(_ours, [1], new int[DescriptorPassing.Most + 1]));
    }

    private static (int Reader, int Writer) Pipe()
    {
        var ends = stackalloc int[2];
        Assert.Equal(0, Libc.pipe(ends));
        return (ends[0], ends[1]);
    }

    private static (int First, int Second) Pair()
    {
        var pair = stackalloc int[2];
        Assert.Equal(0, Libc.socketpair(Libc.AF_UNIX, Libc.SOCK_STREAM, 0, pair));
        return (pair[0], pair[1]);
    }

    private static void Close(params int[] descriptors)
    {
        foreach (var descriptor in descriptors)
            _ = Libc.close(descriptor);
    }
}
