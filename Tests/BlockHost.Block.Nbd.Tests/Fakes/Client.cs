// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Nbd;

namespace BlockHost.Block.Nbd.Tests.Fakes;

/// <summary>Nodes of the driver.</summary>
internal static class Client
{
    public static Task<BlockNode> OpenAsync(
        MemoryServer server, string more = "", TestNodeContext? context = null, CancellationToken cancellationToken = default)
    {
        var options = JsonDocument.Parse(
            $$"""{"server":{"type":"unix","path":"{{server.SocketPath}}"},"export":"disk"{{more}}}""").RootElement;
        return new NbdDriver().OpenAsync(
            context ?? new TestNodeContext(new TestPluginHost()), options, cancellationToken).AsTask();
    }

    public static async Task<byte[]> ReadAsync(this BlockNode node, long offset, int bytes)
    {
        var target = new byte[bytes];
        target.AsSpan().Fill(0xEE);
        await node.ReadAsync(offset, target, ReadFlags.None, CancellationToken.None);
        return target;
    }

    public static ValueTask WriteAsync(this BlockNode node, long offset, byte[] data) =>
        node.WriteAsync(offset, data, WriteFlags.None, CancellationToken.None);
}
