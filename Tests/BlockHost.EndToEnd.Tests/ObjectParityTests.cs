// SPDX-License-Identifier: MIT
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>Objects over the monitor, beside QEMU's storage daemon: what it answers is what ours answers.</summary>
public sealed class ObjectParityTests
{
    private static readonly string[] Properties =
    [
        """{"execute":"qom-list","arguments":{"path":"/"}}""",
        """{"execute":"qom-list","arguments":{"path":"/objects"}}""",
        """{"execute":"qom-list","arguments":{"path":"/chardevs"}}""",
        """{"execute":"qom-list","arguments":{"path":"c"}}""",
        """{"execute":"object-add","arguments":{"qom-type":"secret","id":"s0","data":"hello"}}""",
        """{"execute":"object-add","arguments":{"qom-type":"iothread","id":"io0","poll-max-ns":5}}""",
        """{"execute":"object-add","arguments":{"qom-type":"authz-simple","id":"az","identity":"me"}}""",
        """{"execute":"object-add","arguments":{"qom-type":"authz-list","id":"al","policy":"deny","rules":[{"match":"a*","policy":"allow","format":"glob"}]}}""",
        """{"execute":"object-add","arguments":{"qom-type":"authz-list","id":"al2"}}""",
        """{"execute":"qom-list","arguments":{"path":"/"}}""",
        """{"execute":"qom-list","arguments":{"path":"/objects"}}""",
        """{"execute":"qom-list","arguments":{"path":""}}""",
        """{"execute":"qom-list","arguments":{"path":"objects"}}""",
        """{"execute":"qom-list","arguments":{"path":"objects/s0"}}""",
        """{"execute":"qom-list","arguments":{"path":"/s0"}}""",
        """{"execute":"qom-list","arguments":{"path":"//objects//s0/"}}""",
        """{"execute":"qom-list","arguments":{"path":"/objects/s0/x"}}""",
        """{"execute":"qom-list","arguments":{"path":"io0"}}""",
        """{"execute":"qom-list","arguments":{"path":"s0"}}""",
        """{"execute":"qom-list","arguments":{"path":"al"}}""",
        """{"execute":"qom-list","arguments":{"path":"az"}}""",
        """{"execute":"qom-list","arguments":{"path":"al2"}}""",
        """{"execute":"qom-list","arguments":{"path":"nope"}}""",
        """{"execute":"qom-get","arguments":{"path":"s0","property":"type"}}""",
        """{"execute":"qom-get","arguments":{"path":"s0","property":"file"}}""",
        """{"execute":"qom-get","arguments":{"path":"s0","property":"format"}}""",
        """{"execute":"qom-get","arguments":{"path":"s0","property":"keyid"}}""",
        """{"execute":"qom-get","arguments":{"path":"s0","property":"iv"}}""",
        """{"execute":"qom-get","arguments":{"path":"s0","property":"loaded"}}""",
        """{"execute":"qom-get","arguments":{"path":"s0","property":""}}""",
        """{"execute":"qom-get","arguments":{"path":"s0","property":"nope"}}""",
        """{"execute":"qom-get","arguments":{"path":"io0","property":"poll-max-ns"}}""",
        """{"execute":"qom-get","arguments":{"path":"io0","property":"poll-grow"}}""",
        """{"execute":"qom-get","arguments":{"path":"io0","property":"poll-shrink"}}""",
        """{"execute":"qom-get","arguments":{"path":"io0","property":"aio-max-batch"}}""",
        """{"execute":"qom-get","arguments":{"path":"io0","property":"thread-pool-min"}}""",
        """{"execute":"qom-get","arguments":{"path":"io0","property":"thread-pool-max"}}""",
        """{"execute":"qom-get","arguments":{"path":"io0","property":"type"}}""",
        """{"execute":"qom-get","arguments":{"path":"az","property":"identity"}}""",
        """{"execute":"qom-get","arguments":{"path":"al","property":"policy"}}""",
        """{"execute":"qom-get","arguments":{"path":"al","property":"rules"}}""",
        """{"execute":"qom-get","arguments":{"path":"al2","property":"policy"}}""",
        """{"execute":"qom-get","arguments":{"path":"al2","property":"rules"}}""",
        """{"execute":"qom-get","arguments":{"path":"/objects","property":"az"}}""",
        """{"execute":"qom-get","arguments":{"path":"/","property":"objects"}}""",
        """{"execute":"qom-get","arguments":{"path":"/","property":"type"}}""",
        """{"execute":"qom-get","arguments":{"path":"nope","property":"x"}}""",
        """{"execute":"qom-set","arguments":{"path":"io0","property":"poll-max-ns","value":77}}""",
        """{"execute":"qom-get","arguments":{"path":"io0","property":"poll-max-ns"}}""",
        """{"execute":"qom-set","arguments":{"path":"io0","property":"poll-max-ns","value":-1}}""",
        """{"execute":"qom-set","arguments":{"path":"io0","property":"poll-max-ns","value":"x"}}""",
        """{"execute":"qom-set","arguments":{"path":"io0","property":"thread-pool-min","value":3}}""",
        """{"execute":"qom-set","arguments":{"path":"io0","property":"thread-pool-max","value":1}}""",
        """{"execute":"qom-set","arguments":{"path":"s0","property":"loaded","value":true}}""",
        """{"execute":"qom-set","arguments":{"path":"s0","property":"format","value":"nope"}}""",
        """{"execute":"qom-set","arguments":{"path":"s0","property":"data","value":5}}""",
        """{"execute":"qom-set","arguments":{"path":"az","property":"identity","value":"you"}}""",
        """{"execute":"qom-get","arguments":{"path":"az","property":"identity"}}""",
        """{"execute":"qom-set","arguments":{"path":"al","property":"policy","value":"allow"}}""",
        """{"execute":"qom-get","arguments":{"path":"al","property":"policy"}}""",
        """{"execute":"qom-set","arguments":{"path":"al","property":"rules","value":[]}}""",
        """{"execute":"qom-get","arguments":{"path":"al","property":"rules"}}""",
        """{"execute":"qom-set","arguments":{"path":"/objects","property":"az","value":"x"}}""",
        """{"execute":"qom-set","arguments":{"path":"az","property":"type","value":"x"}}""",
        """{"execute":"qom-set","arguments":{"path":"az","property":"nope","value":"x"}}""",
        """{"execute":"qom-set","arguments":{"path":"nope","property":"nope","value":"x"}}""",
        """{"execute":"object-add","arguments":{"qom-type":"iothread","id":"c"}}""",
        """{"execute":"qom-list","arguments":{"path":"c"}}""",
        """{"execute":"qom-list-properties","arguments":{"typename":"throttle-group"}}""",
        """{"execute":"qom-list-properties","arguments":{"typename":"secret"}}""",
        """{"execute":"qom-list-properties","arguments":{"typename":"iothread"}}""",
        """{"execute":"qom-list-properties","arguments":{"typename":"tls-creds-x509"}}""",
        """{"execute":"qom-list-properties","arguments":{"typename":"authz-list"}}""",
        """{"execute":"qom-list-properties","arguments":{"typename":"authz-simple"}}""",
        """{"execute":"qom-list-properties","arguments":{"typename":"authz"}}""",
        """{"execute":"qom-list-properties","arguments":{"typename":"container"}}""",
        """{"execute":"qom-list-properties","arguments":{"typename":"object"}}""",
        """{"execute":"qom-list-properties","arguments":{"typename":"chardev-stdio"}}""",
        """{"execute":"qom-list-properties","arguments":{"typename":"nope"}}""",
        """{"execute":"qom-list-properties","arguments":{"typename":"user-creatable"}}""",
        """{"execute":"qom-list-types","arguments":{"implements":"secret"}}""",
        """{"execute":"qom-list-types","arguments":{"implements":"nope"}}""",
        """{"execute":"qom-list-types","arguments":{"implements":"authz-simple","abstract":true}}""",
        """{"execute":"object-del","arguments":{"id":"s0"}}""",
        """{"execute":"object-del","arguments":{"id":"s0"}}""",
        """{"execute":"qom-list","arguments":{"path":"s0"}}""",
    ];

    private static readonly string[] Throttling =
    [
        """{"execute":"object-add","arguments":{"qom-type":"throttle-group","id":"tg0","limits":{"iops-total":100}}}""",
        """{"execute":"object-add","arguments":{"qom-type":"throttle-group","id":"tg0"}}""",
        """{"execute":"object-add","arguments":{"qom-type":"throttle-group","id":"tg1","limits":{"iops-total":100,"iops-read":5}}}""",
        """{"execute":"object-add","arguments":{"qom-type":"throttle-group","id":"tg1","x-iops-total":5}}""",
        """{"execute":"object-add","arguments":{"qom-type":"throttle-group","id":"tg2","limits":{"foo":7}}}""",
        """{"execute":"object-add","arguments":{"qom-type":"throttle-group","id":"tg2","x-iops-total":-5}}""",
        """{"execute":"object-add","arguments":{"qom-type":"throttle-group","id":"tg3","x-iops-total":7,"x-iops-total-max":70,"x-iops-total-max-length":9,"x-iops-size":512}}""",
        """{"execute":"object-add","arguments":{"qom-type":"throttle-group","id":"tg4","x-bps-total":5,"limits":{"bps-total":7}}}""",
        """{"execute":"qom-get","arguments":{"path":"tg0","property":"limits"}}""",
        """{"execute":"qom-get","arguments":{"path":"/objects/tg1","property":"limits"}}""",
        """{"execute":"qom-get","arguments":{"path":"tg3","property":"limits"}}""",
        """{"execute":"qom-get","arguments":{"path":"tg4","property":"limits"}}""",
        """{"execute":"qom-get","arguments":{"path":"tg1","property":"x-iops-total"}}""",
        """{"execute":"qom-list","arguments":{"path":"tg0"}}""",
        """{"execute":"qom-set","arguments":{"path":"tg0","property":"limits","value":{"iops-total":7,"bps-write":9,"bps-write-max":90,"bps-write-max-length":3}}}""",
        """{"execute":"qom-get","arguments":{"path":"tg0","property":"limits"}}""",
        """{"execute":"qom-set","arguments":{"path":"tg0","property":"limits","value":{"iops-read":3}}}""",
        """{"execute":"qom-get","arguments":{"path":"tg0","property":"limits"}}""",
        """{"execute":"qom-set","arguments":{"path":"tg0","property":"limits","value":{"iops-total":0,"iops-read":3}}}""",
        """{"execute":"qom-get","arguments":{"path":"tg0","property":"limits"}}""",
        """{"execute":"qom-set","arguments":{"path":"tg0","property":"limits","value":{"iops-total":-1}}}""",
        """{"execute":"qom-get","arguments":{"path":"tg0","property":"limits"}}""",
        """{"execute":"qom-set","arguments":{"path":"tg0","property":"limits","value":{"iops-total":"a"}}}""",
        """{"execute":"qom-get","arguments":{"path":"tg0","property":"limits"}}""",
        """{"execute":"qom-set","arguments":{"path":"tg0","property":"limits","value":{"bar":1}}}""",
        """{"execute":"qom-get","arguments":{"path":"tg0","property":"limits"}}""",
        """{"execute":"qom-set","arguments":{"path":"tg0","property":"limits","value":{}}}""",
        """{"execute":"qom-get","arguments":{"path":"tg0","property":"limits"}}""",
        """{"execute":"qom-set","arguments":{"path":"tg0","property":"limits","value":7}}""",
        """{"execute":"qom-get","arguments":{"path":"tg0","property":"limits"}}""",
        """{"execute":"qom-set","arguments":{"path":"tg0","property":"x-iops-total","value":7}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"throttle","node-name":"t0","throttle-group":"tg0","file":{"driver":"null-co","node-name":"n0","size":1048576}}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"throttle","node-name":"t1","throttle-group":"nope","file":"n0"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"throttle","node-name":"t1","throttle-group":"s0","file":"n0"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"throttle","node-name":"t1","file":"n0"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"throttle","node-name":"t1","throttle-group":"tg0"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"throttle","node-name":"t1","throttle-group":"","file":{"driver":"null-co","size":1048576}}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"throttle","node-name":"t1","throttle-group":"tg0","file":"none"}}""",
        """{"execute":"object-del","arguments":{"id":"tg0"}}""",
        """{"execute":"blockdev-reopen","arguments":{"options":[{"driver":"throttle","node-name":"t0","throttle-group":"tg9","file":"n0"}]}}""",
        """{"execute":"object-add","arguments":{"qom-type":"throttle-group","id":"tg9","limits":{"iops-total":100}}}""",
        """{"execute":"blockdev-reopen","arguments":{"options":[{"driver":"throttle","node-name":"t0","throttle-group":"tg9","file":"n0"}]}}""",
        """{"execute":"object-del","arguments":{"id":"tg0"}}""",
        """{"execute":"object-del","arguments":{"id":"tg9"}}""",
        """{"execute":"blockdev-del","arguments":{"node-name":"t0"}}""",
        """{"execute":"object-del","arguments":{"id":"tg9"}}""",
        """{"execute":"query-block"}""",
    ];

    [SkippableFact]
    public Task Objects_are_listed_read_and_changed_as_by_qemu() => CompareAsync(Properties);

    [SkippableFact]
    public Task Throttle_groups_and_nodes_answer_as_qemus() => CompareAsync(Throttling);

    private static async Task CompareAsync(string[] commands)
    {
        Programs.Require("qemu-storage-daemon");
        Programs.RequireQemu72();
        var theirs = await StdioMonitor.RunAsync("qemu-storage-daemon", commands);
        var ours = await StdioMonitor.RunAsync(Programs.Ours("qemu-storage-daemon"), commands);

        var differences = commands.Select(
            (command, i) => (command, Qemu: StdioMonitor.Normalise(theirs[i]), Ours: StdioMonitor.Normalise(ours[i])))
            .Where(answer => answer.Qemu != answer.Ours);
        Assert.Empty(differences);
    }
}
