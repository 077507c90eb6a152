// SPDX-License-Identifier: MIT
using BlockHost.Posix;
using BlockHost.Virtio;
using BlockHost.Virtio.InFlight;

namespace BlockHost.Export.VhostUserBlk.Tests;

/// <summary>The memory that a front-end keeps of what is in flight.</summary>
public sealed class InFlightBufferTests
{
    [Fact]
    public void A_front_end_cannot_cut_it_short()
    {
        var (descriptor, layout) = InFlightBuffer.Create(queues: 1, queueSize: 128);
        using var file = new FileDescriptor(descriptor);

        Assert.Equal(-1, Libc.ftruncate(descriptor, 0));
        using var buffer = InFlightBuffer.Map(descriptor, layout);
        Assert.NotNull(buffer.Region(0));
        Assert.Null(buffer.Region(1));
    }

    [Theory]
    [InlineData(0, 128)]
    [InlineData(1, 0)]
    [InlineData(1, 1025)]
    public void Rings_that_cannot_be_have_none(int queues, int queueSize) =>
        Assert.Throws<VhostUserException>(() => InFlightBuffer.Create((ushort)queues, (ushort)queueSize));
}
