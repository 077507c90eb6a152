// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Quorum;

namespace BlockHost.Conformance.Tests.Drivers;

internal static class QuorumSubjects
{
    private const int Storage = 256 * 1024;

    public static BlockDriverSubject Make(string pattern, int threshold, int children = 3) => new()
    {
        Name = $"quorum, {pattern}",
        Driver = PluginContents.Of(new QuorumPlugin()).Driver("quorum"),
        Resizable = false,
        Redundant = true,
        // Where a write was under way, the copies may have no majority left: that is a read error then, and not the kit's old or
        // new data.
        PowerCut = pattern != "quorum",
        AllocationBudget = 4096,
        CreateImage = _ => new(new SubjectImage
        {
            Options = JsonDocument.Parse($$"""
                {"children":[{{string.Join(',', Enumerable.Range(0, children).Select(i => $"\"c{i}\""))}}],"vote-threshold":{{threshold}},"read-pattern":"{{pattern}}"}
                """).RootElement,
            Length = Storage,
            Children = Enumerable.Range(0, children).ToDictionary(
                i => $"c{i}", _ => new SubjectChild(new MemoryImage(Storage), BlockChildRole.Data)),
        }),
    };
}
