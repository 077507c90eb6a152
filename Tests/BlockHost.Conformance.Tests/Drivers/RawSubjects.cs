// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Raw;

namespace BlockHost.Conformance.Tests.Drivers;

internal static class RawSubjects
{
    private const int Storage = 1024 * 1024 + 512 * 7;

    public static BlockDriverSubject Whole() => Make("raw", """{"file":"file"}""", Storage);

    public static BlockDriverSubject Windowed() =>
        Make("raw, offset and size", """{"file":"file","offset":66048,"size":786432}""", 786432);

    private static BlockDriverSubject Make(string name, string options, int length) => new()
    {
        Name = name,
        Driver = PluginContents.Of(new RawPlugin()).Driver("raw"),
        CreateImage = _ => new(new SubjectImage
        {
            Options = JsonDocument.Parse(options).RootElement,
            Length = length,
            Children = new Dictionary<string, SubjectChild> { ["file"] = new(new MemoryImage(Storage)) },
        }),
    };
}
