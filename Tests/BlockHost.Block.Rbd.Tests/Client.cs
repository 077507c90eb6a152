// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Conformance.TestHost;
using BlockHost.Objects;
using BlockHost.Plugins.Block.Rbd;

namespace BlockHost.Block.Rbd.Tests;

/// <summary>Opens nodes, as a host would.</summary>
internal static class Client
{
    public static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    public static async Task<BlockNode> OpenAsync(
        JsonElement options, TestPluginHost? host = null, bool readOnly = false, bool direct = false)
    {
        var context = new TestNodeContext(host ?? new TestPluginHost()) { ReadOnly = readOnly, CacheDirect = direct };
        return await OpenAsync(context, options);
    }

    public static async Task<BlockNode> OpenAsync(TestNodeContext context, JsonElement options) =>
        await new RbdDriver().OpenAsync(context, options, CancellationToken.None).AsTask().WaitAsync(Soon);

    public static async Task<BlockException> OpenErrorAsync(
        JsonElement options, TestPluginHost? host = null, bool readOnly = false) =>
        await Assert.ThrowsAsync<BlockException>(() => OpenAsync(options, host, readOnly));

    public static async Task CreateAsync(string options, TestPluginHost? host = null) => await new RbdDriver().CreateAsync(
        new TestImageCreateContext(host ?? new TestPluginHost()), JsonDocument.Parse(options).RootElement, default)
        .AsTask().WaitAsync(Soon);

    public static async Task WriteAsync(this BlockNode node, long offset, byte[] data) =>
        await node.WriteAsync(offset, data, WriteFlags.None, default).AsTask().WaitAsync(Soon);

    public static async Task FlushAsync(this BlockNode node) => await node.FlushAsync(default).AsTask().WaitAsync(Soon);

    public static async Task WriteZeroesAsync(this BlockNode node, long offset, long bytes, ZeroFlags flags) =>
        await node.WriteZeroesAsync(offset, bytes, flags, default).AsTask().WaitAsync(Soon);

    /// <summary>Runs of data (D) and of zeroes (Z), in MiB: "D4 Z8".</summary>
    public static async Task<string> MapAsync(this BlockNode node)
    {
        var runs = new List<string>();
        for (long at = 0; at < node.Profile.Length;)
        {
            var status = await node.GetStatusAsync(at, node.Profile.Length - at, StatusPrecision.WantZero, default)
                .AsTask().WaitAsync(Soon);
            runs.Add($"{((status.Flags & BlockStatusFlags.Data) != 0 ? 'D' : 'Z')}{status.Bytes >> 20}");
            at += status.Bytes;
        }

        return string.Join(' ', runs);
    }

    /// <summary>A host with a secret.</summary>
    public static TestPluginHost With(string id, byte[] secret)
    {
        var host = new TestPluginHost();
        host.Objects.Add(id, new Secret(secret));
        return host;
    }

    /// <summary>Bytes that look like nothing, the same for each length.</summary>
    public static byte[] Noise(int length)
    {
        var noise = new byte[length];
        new Random(length).NextBytes(noise);
        return noise;
    }

    private sealed class Secret(byte[] data) : ISecret
    {
        public ReadOnlyMemory<byte> Data => data;
    }
}
