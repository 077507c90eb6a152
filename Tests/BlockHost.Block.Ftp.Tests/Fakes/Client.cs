// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Ftp;

namespace BlockHost.Block.Ftp.Tests.Fakes;

/// <summary>Opens nodes as a host would.</summary>
internal static class Client
{
    public static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    /// <param name="more">Options beside the URL, as JSON.</param>
    public static async Task<BlockNode> OpenAsync(string url, string more = "{}", TestPluginHost? host = null)
    {
        var context = new TestNodeContext(host ?? new TestPluginHost()) { ReadOnly = true };
        BlockDriver driver = url.StartsWith("ftps:", StringComparison.Ordinal) ? new FtpsDriver() : new FtpDriver();
        return await driver.OpenAsync(context, Options(url, more), CancellationToken.None).AsTask().WaitAsync(Soon);
    }

    public static JsonElement Options(string url, string more = "{}")
    {
        var options = JsonNode.Parse(more)!.AsObject();
        options["url"] = url;
        return JsonSerializer.SerializeToElement(options);
    }

    public static async Task<byte[]> ReadAsync(this BlockNode node, long offset, int bytes)
    {
        var data = new byte[bytes];
        await node.ReadAsync(offset, data, ReadFlags.None, CancellationToken.None).AsTask().WaitAsync(Soon);
        return data;
    }

    public static async Task<string> OpenErrorAsync(string url, string more = "{}") =>
        (await Assert.ThrowsAsync<BlockException>(() => OpenAsync(url, more))).Message;

    public static byte[] Noise(int length)
    {
        var noise = new byte[length];
        new Random(length).NextBytes(noise);
        return noise;
    }
}
