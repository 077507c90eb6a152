// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Filter.Preallocate;

namespace BlockHost.Conformance.Tests.Drivers;

internal static class PreallocateSubjects
{
    private const int Length = 256 * 1024;

    public static BlockDriverSubject Make() => new()
    {
        Name = "preallocate",
        Driver = PluginContents.Of(new PreallocatePlugin()).Driver("preallocate"),
        CreateImage = _ => new(new SubjectImage
        {
            Options = JsonDocument.Parse("""{"file":"file","prealloc-size":65536,"prealloc-align":4096}""").RootElement,
            Length = Length,
            Children = new Dictionary<string, SubjectChild> { ["file"] = new(new MemoryImage(Length)) },
        }),
    };
}
