// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Filter.Blkdebug;

namespace BlockHost.Conformance.Tests.Drivers;

internal static class BlkdebugSubjects
{
    private const int Length = 1024 * 1024;

    /// <summary>Without rules, and with limits of its own: the image's data whatever the size of requests.</summary>
    /// <param name="limits">Options beside the image.</param>
    public static BlockDriverSubject WithoutRules(string limits) => new()
    {
        Name = $"blkdebug, no rules {limits}",
        Driver = PluginContents.Of(new BlkdebugPlugin()).Driver("blkdebug"),
        CreateImage = _ => new(new SubjectImage
        {
            Options = JsonDocument.Parse($$"""{"image":"image"{{limits}}}""").RootElement,
            Length = Length,
            Children = new Dictionary<string, SubjectChild> { ["image"] = new(new MemoryImage(Length)) },
        }),
    };
}
