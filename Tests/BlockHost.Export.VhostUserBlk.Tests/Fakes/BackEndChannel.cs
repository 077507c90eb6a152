// SPDX-License-Identifier: MIT
using BlockHost.Posix;

namespace BlockHost.Export.VhostUserBlk.Tests.Fakes;

/// <summary>Where a back-end sends messages of its own (SET_BACKEND_REQ_FD).</summary>
internal sealed unsafe class BackEndChannel : IDisposable
{
    private readonly int _ours;

    public BackEndChannel(FrontEnd frontEnd)
    {
        var pair = stackalloc int[2];
        Assert.Equal(0, Libc.socketpair(Libc.AF_UNIX, Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC, 0, pair));
        _ours = pair[0];
        Assert.Equal(0ul, frontEnd.Acknowledged(21, [], pair[1]));
        _ = Libc.close(pair[1]);
    }

    /// <summary>Waits for a message without a payload.</summary>
    public (uint Request, uint Flags) Receive()
    {
        var poll = new PollDescriptor { Descriptor = _ours, Events = 1 };
        Assert.Equal(1, Libc.poll(&poll, 1, 60_000));
        var header = stackalloc uint[3];
        Assert.Equal(12, Libc.read(_ours, header, 12));
        Assert.Equal(0u, header[2]);
        return (header[0], header[1]);
    }

    public void Dispose() => _ = Libc.close(_ours);
}
