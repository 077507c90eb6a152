// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Remote.Testing;

/// <summary>Requests that end, or fail the test.</summary>
public static class RemoteReads
{
    internal static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    public static async Task<byte[]> ReadAsync(this BlockNode node, long offset, int bytes)
    {
        var data = new byte[bytes];
        await node.ReadAsync(offset, data, ReadFlags.None, CancellationToken.None).AsTask().WaitAsync(Soon);
        return data;
    }

    public static async Task<BlockException> ReadErrorAsync(this BlockNode node, long offset = 0, int bytes = 512) =>
        await Assert.ThrowsAsync<BlockException>(() => node.ReadAsync(offset, bytes));
}
