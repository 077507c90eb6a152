// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>An object keeps the plugin of its type in memory, and nothing of it stays when it has gone.</summary>
public sealed class ObjectUnloadTests
{
    [Fact]
    public async Task A_plugin_is_unloaded_when_its_last_object_is_deleted()
    {
        var answers = await StdioMonitor.RunAsync(Programs.Blockhost,
        [
            """{"execute":"object-add","arguments":{"qom-type":"throttle-group","id":"g","limits":{"iops-total":100}}}""",
            """{"execute":"blockdev-add","arguments":{"driver":"throttle","node-name":"t","throttle-group":"g","file":{"driver":"null-co","size":1048576}}}""",
            """{"execute":"qom-set","arguments":{"path":"g","property":"limits","value":{"iops-total":5}}}""",
            """{"execute":"plugin-unload","arguments":{"id":"filter.throttle","timeout":0}}""",
            """{"execute":"object-add","arguments":{"qom-type":"throttle-group","id":"h"}}""",
            """{"execute":"blockdev-del","arguments":{"node-name":"t"}}""",
            """{"execute":"object-del","arguments":{"id":"g"}}""",
            """{"execute":"plugin-unload","arguments":{"id":"filter.throttle","timeout":60}}""",
            """{"execute":"object-add","arguments":{"qom-type":"throttle-group","id":"h"}}""",
        ], "serve");

        Assert.Equal("unloading", answers[3]["return"]!["state"]!.GetValue<string>());
        Assert.Equal(
            ["node 't'", "object 'g'"], answers[3]["return"]!["users"]!.AsArray().Select(user => user!.GetValue<string>()));
        Assert.Contains("is unloading", answers[4]["error"]!["desc"]!.GetValue<string>());
        AssertDone(answers[5]);
        AssertDone(answers[6]);
        Assert.Equal("available", answers[7]["return"]!["state"]!.GetValue<string>());
        AssertDone(answers[8]);
    }

    private static void AssertDone(JsonNode answer) =>
        Assert.True(answer.AsObject().ContainsKey("return"), answer.ToJsonString());
}
