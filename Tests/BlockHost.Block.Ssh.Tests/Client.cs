// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Ssh;

namespace BlockHost.Block.Ssh.Tests;

/// <summary>Opens nodes, as a host would.</summary>
internal static class Client
{
    public static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    public static async Task<BlockNode> OpenAsync(JsonElement options, TestPluginHost? host = null, bool readOnly = false)
    {
        var context = new TestNodeContext(host ?? new TestPluginHost()) { ReadOnly = readOnly };
        return await new SshDriver().OpenAsync(context, options, CancellationToken.None).AsTask().WaitAsync(Soon);
    }

    public static async Task<string> OpenErrorAsync(JsonElement options) =>
        (await Assert.ThrowsAsync<BlockException>(() => OpenAsync(options))).Message;

    public static async Task WriteAsync(this BlockNode node, long offset, byte[] data) =>
        await node.WriteAsync(offset, data, WriteFlags.None, default).AsTask().WaitAsync(Soon);

    public static async Task FlushAsync(this BlockNode node) => await node.FlushAsync(default).AsTask().WaitAsync(Soon);

    /// <summary>Bytes that look like nothing, the same for each length.</summary>
    public static byte[] Noise(int length)
    {
        var noise = new byte[length];
        new Random(length).NextBytes(noise);
        return noise;
    }
}
