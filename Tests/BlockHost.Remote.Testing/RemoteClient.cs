// SPDX-License-Identifier: MIT
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Block;
using BlockHost.Conformance.TestHost;
using BlockHost.Objects;

namespace BlockHost.Remote.Testing;

/// <summary>Opens nodes by their URL, as a host would.</summary>
/// <param name="driverOf">The driver of a URL.</param>
public sealed class RemoteClient(Func<string, BlockDriver> driverOf)
{
    /// <summary>What a test waits for takes less.</summary>
    public TimeSpan Soon => RemoteReads.Soon;

    /// <param name="more">Options beside the URL, as JSON.</param>
    public async Task<BlockNode> OpenAsync(string url, string more = "{}", TestPluginHost? host = null)
    {
        var context = new TestNodeContext(host ?? new TestPluginHost()) { ReadOnly = true };
        return await driverOf(url).OpenAsync(context, Options(url, more), CancellationToken.None).AsTask().WaitAsync(Soon);
    }

    public JsonElement Options(string url, string more = "{}")
    {
        var options = JsonNode.Parse(more)!.AsObject();
        options["url"] = url;
        return JsonSerializer.SerializeToElement(options);
    }

    public async Task<string> OpenErrorAsync(string url, string more = "{}", TestPluginHost? host = null) =>
        (await Assert.ThrowsAsync<BlockException>(() => OpenAsync(url, more, host))).Message;

    /// <summary>Bytes that look like nothing, the same for each length.</summary>
    public byte[] Noise(int length)
    {
        var noise = new byte[length];
        new Random(length).NextBytes(noise);
        return noise;
    }

    /// <summary>A host with a secret.</summary>
    public TestPluginHost With(string id, string secret)
    {
        var host = new TestPluginHost();
        host.Objects.Add(id, new Secret(secret));
        return host;
    }

    private sealed class Secret(string text) : ISecret
    {
        public ReadOnlyMemory<byte> Data { get; } = Encoding.UTF8.GetBytes(text);
    }
}
