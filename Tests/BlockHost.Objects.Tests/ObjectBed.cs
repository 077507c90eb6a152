// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Core.Objects;
using BlockHost.Core.Plugins;
using BlockHost.Plugins;
using Microsoft.Extensions.Logging.Abstractions;
using Moq;

namespace BlockHost.Core.Tests.Objects;

/// <summary>Objects of the host's own types, without a monitor.</summary>
internal static class ObjectBed
{
    public static UserObjects Create()
    {
        var host = new Mock<IPluginHost>();
        var manager = new PluginManager(new PluginManagerOptions { Host = () => host.Object });
        var objects = new UserObjects(manager, () => host.Object);
        host.SetupGet(it => it.Objects).Returns(objects);
        host.SetupGet(it => it.Loggers).Returns(NullLoggerFactory.Instance);
        manager.AddHost(registry => ObjectCommands.Register(registry, objects));
        return objects;
    }

    public static ValueTask AddAsync(this UserObjects objects, string options) =>
        objects.AddAsync(JsonDocument.Parse(options).RootElement, CancellationToken.None);
}
