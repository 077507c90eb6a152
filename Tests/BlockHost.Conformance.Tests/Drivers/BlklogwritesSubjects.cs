// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Filter.Blklogwrites;

namespace BlockHost.Conformance.Tests.Drivers;

internal static class BlklogwritesSubjects
{
    private const int Length = 256 * 1024;

    public static BlockDriverSubject Make(int sectorSize) => new()
    {
        Name = $"blklogwrites, sectors of {sectorSize} bytes",
        Driver = PluginContents.Of(new BlklogwritesPlugin()).Driver("blklogwrites"),
        // The log grows in memory with every write.
        AllocationBudget = 64 * 1024,
        CreateImage = _ => new(new SubjectImage
        {
            Options = JsonDocument.Parse($$"""{"file":"file","log":"log","log-sector-size":{{sectorSize}}}""").RootElement,
            Length = Length,
            Children = new Dictionary<string, SubjectChild>
            {
                ["file"] = new(new MemoryImage(Length)),
                ["log"] = new(new MemoryImage(), BlockChildRole.Metadata),
            },
        }),
    };
}
