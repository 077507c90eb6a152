// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins;
using Moq;

namespace BlockHost.Block.Raw.Tests;

/// <summary>Drivers as their plugin registers them.</summary>
internal static class DriverHarness
{
    internal static BlockDriver Driver<TPlugin>(string name)
        where TPlugin : Plugin, new()
    {
        var drivers = new Dictionary<string, BlockDriver>();
        var registry = new Mock<IPluginRegistry>();
        registry.Setup(r => r.Add(It.IsAny<BlockDriver>())).Callback((IProvided d) => drivers.Add(d.Name, (BlockDriver)d));
        new TPlugin().Register(registry.Object);
        return drivers[name];
    }

    internal static ValueTask<BlockNode> OpenAsync(this BlockDriver driver, TestNodeContext context, string options) =>
        driver.OpenAsync(context, JsonDocument.Parse(options).RootElement, default);

    internal static byte[] Pattern(int length, int seed = 1)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
