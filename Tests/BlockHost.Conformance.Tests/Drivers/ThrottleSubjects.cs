// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Conformance.TestHost;
using BlockHost.Objects;
using BlockHost.Plugins;
using BlockHost.Plugins.Filter.Throttle;
using Moq;

namespace BlockHost.Conformance.Tests.Drivers;

internal static class ThrottleSubjects
{
    private const int Length = 1024 * 1024;

    /// <summary>A group that limits nothing: the kit's clock stands still.</summary>
    public static BlockDriverSubject Unlimited()
    {
        var plugin = PluginContents.Of(new ThrottlePlugin());
        return new()
        {
            Name = "throttle, no limits",
            Driver = plugin.Driver("throttle"),
            CreateImage = _ => new(new SubjectImage
            {
                Options = JsonDocument.Parse("""{"throttle-group":"group0","file":"file"}""").RootElement,
                Length = Length,
                Children = new Dictionary<string, SubjectChild> { ["file"] = new(new MemoryImage(Length)) },
                CreateObjects = host => new Dictionary<string, UserObject> { ["group0"] = Group(plugin, host) },
            }),
        };
    }

    private static UserObject Group(PluginContents plugin, IPluginHost host) =>
        plugin.Of(
            ProvidedKind.Object)[0].Create(Mock.Of<IObjectContext>(context => context.Host == host), JsonDocument
                .Parse("{}").RootElement);
}
