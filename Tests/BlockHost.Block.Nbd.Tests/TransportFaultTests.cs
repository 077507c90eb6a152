// SPDX-License-Identifier: MIT
using System.Net.Sockets;
using BlockHost.Block.Nbd.Tests.Fakes;
using BlockHost.Nbd;
using BlockHost.Plugins.Block.Nbd.Client;
using BlockHost.Remote.Requests;

namespace BlockHost.Block.Nbd.Tests;

/// <summary>A transport may throw anything: no request waits for ever, and the process lives.</summary>
public sealed class TransportFaultTests
{
    [Theory]
    [InlineData(FaultAt.Write)]
    [InlineData(FaultAt.WriteLater)]
    [InlineData(FaultAt.Read)]
    public async Task A_connection_that_fails_unexpectedly_gives_its_requests_back(FaultAt fault)
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 0));
        listener.Listen();
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(listener.LocalEndPoint!);
        using var server = await listener.AcceptAsync();
        await using var stream = new FaultyStream(socket, fault);
        var owner = new Owner();
        var session = new NbdSession(new NbdExportInfo { Size = 512 }, StructuredReplies: true, Context: null);
        var connection = new NbdConnection(owner, new Connected(socket, stream, session));
        var request = new NbdOperation(_ => { });
        request.Prepare(NbdCommand.Read, CommandFlags.None, 0, 512, new byte[512]);
        lock (owner.Gate)
            connection.Add(request);

        connection.Start();
        connection.Flush();
        if (fault == FaultAt.Read)
            await server.SendAsync(new byte[16]);

        await connection.WhenEnded.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal("broken by the test", owner.Reason?.Message);
        Assert.Same(request, owner.Unanswered);
    }

    private sealed class Owner : IConnectionOwner
    {
        public Lock Gate { get; } = new();

        public BlockException? Reason { get; private set; }

        public NbdOperation? Unanswered { get; private set; }

        public void HasRoom(NbdConnection connection)
        {
        }

        public void Lost(NbdConnection connection, BlockException reason) => Reason ??= reason;

        public void Ended(NbdConnection connection, ref RequestQueue<NbdOperation> unanswered) =>
            Unanswered = unanswered.TryDequeue();
    }
}
