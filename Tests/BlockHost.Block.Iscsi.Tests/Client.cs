// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Text;
using System.Text.Json;
using BlockHost.Conformance.TestHost;
using BlockHost.Objects;
using BlockHost.Plugins.Block.Iscsi;

namespace BlockHost.Block.Iscsi.Tests;

/// <summary>Opens nodes, as a host would.</summary>
internal static class Client
{
    public static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    public static async Task<BlockNode> OpenAsync(JsonElement options, TestPluginHost? host = null, bool readOnly = false) =>
        await OpenAsync(options, new TestNodeContext(host ?? new TestPluginHost()) { ReadOnly = readOnly });

    public static async Task<BlockNode> OpenAsync(JsonElement options, TestNodeContext context) =>
        await new IscsiDriver().OpenAsync(context, options, CancellationToken.None).AsTask().WaitAsync(Soon);

    public static async Task<string> OpenErrorAsync(JsonElement options, TestPluginHost? host = null) =>
        (await Assert.ThrowsAsync<BlockException>(() => OpenAsync(options, host))).Message;

    public static async Task WriteAsync(this BlockNode node, long offset, byte[] data, WriteFlags flags = WriteFlags.None) =>
        await node.WriteAsync(offset, data, flags, default).AsTask().WaitAsync(Soon);

    public static async Task FlushAsync(this BlockNode node) => await node.FlushAsync(default).AsTask().WaitAsync(Soon);

    public static async Task UntilAsync(Func<bool> isSo)
    {
        for (var clock = Stopwatch.StartNew(); !isSo(); await Task.Delay(5))
            Assert.True(clock.Elapsed < Soon, "What was waited for did not come");
    }

    /// <summary>Bytes that look like nothing, the same for each length.</summary>
    public static byte[] Noise(int length)
    {
        var noise = new byte[length];
        new Random(length).NextBytes(noise);
        return noise;
    }

    /// <summary>A host with secrets: id, text, id, text…</summary>
    public static TestPluginHost With(params string[] secrets)
    {
        var host = new TestPluginHost();
        foreach (var pair in secrets.Chunk(2))
            host.Objects.Add(pair[0], new Secret(pair[1]));
        return host;
    }

    private sealed class Secret(string text) : ISecret
    {
        public ReadOnlyMemory<byte> Data { get; } = Encoding.UTF8.GetBytes(text);
    }
}
