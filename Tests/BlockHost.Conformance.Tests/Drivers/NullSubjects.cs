// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Null;

namespace BlockHost.Conformance.Tests.Drivers;

internal static class NullSubjects
{
    public static BlockDriverSubject Of(string driver, bool readZeroes) => new()
    {
        Name = $"{driver}, read-zeroes={readZeroes}",
        Driver = PluginContents.Of(new NullPlugin()).Driver(driver),
        Data = readZeroes ? SubjectData.Zeroes : SubjectData.Undefined,
        CreateImage = _ => new(new SubjectImage
        {
            Options = JsonDocument.Parse($$"""{"size":1048576,"read-zeroes":{{(readZeroes ? "true" : "false")}}}""").RootElement,
            Length = 1048576,
        }),
    };
}
