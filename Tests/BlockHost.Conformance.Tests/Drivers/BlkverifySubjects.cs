// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Filter.Blkverify;

namespace BlockHost.Conformance.Tests.Drivers;

internal static class BlkverifySubjects
{
    private const int Length = 256 * 1024;

    public static BlockDriverSubject Make() => new()
    {
        Name = "blkverify",
        Driver = PluginContents.Of(new BlkverifyPlugin()).Driver("blkverify"),
        AllocationBudget = 4096,
        GivesUp = true,
        // Where a write was under way the two differ afterwards, which is what the driver is to find.
        PowerCut = false,
        CreateImage = _ => new(new SubjectImage
        {
            Options = JsonDocument.Parse("""{"test":"test","raw":"raw"}""").RootElement,
            Length = Length,
            Children = new Dictionary<string, SubjectChild>
            {
                ["test"] = new(new MemoryImage(Length), BlockChildRole.Data),
                ["raw"] = new(new MemoryImage(Length)),
            },
        }),
    };
}
