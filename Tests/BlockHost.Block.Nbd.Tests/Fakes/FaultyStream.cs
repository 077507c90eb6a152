// SPDX-License-Identifier: MIT
using System.Net.Sockets;

namespace BlockHost.Block.Nbd.Tests.Fakes;

public enum FaultAt
{
    Read,
    Write,
    WriteLater,
}

/// <summary>Fails in a way that no transport should.</summary>
internal sealed class FaultyStream(Socket socket, FaultAt fault) : NetworkStream(socket)
{
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = await base.ReadAsync(buffer, cancellationToken);
        return fault == FaultAt.Read ? throw Fault() : read;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        fault switch
        {
            FaultAt.Write => throw Fault(),
            FaultAt.WriteLater => LaterAsync(),
            _ => base.WriteAsync(buffer, cancellationToken),
        };

    private static async ValueTask LaterAsync()
    {
        await Task.Yield();
        throw Fault();
    }

    private static FormatException Fault() => new("broken by the test");
}
