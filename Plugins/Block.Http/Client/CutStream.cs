// SPDX-License-Identifier: MIT
using System.Net.Sockets;

namespace BlockHost.Plugins.Block.Http.Client;

/// <summary>A connection that a yank ends, whatever is being done over it: TLS and proxies lie above.</summary>
internal sealed class CutStream : NetworkStream
{
    private readonly CancellationTokenRegistration _cut;

    public CutStream(Socket socket, CancellationToken cut)
        : base(socket, ownsSocket: true) =>
        _cut = cut.UnsafeRegister(static socket => ((Socket)socket!).Dispose(), socket);

    protected override void Dispose(bool disposing)
    {
        _cut.Unregister();
        base.Dispose(disposing);
    }
}
