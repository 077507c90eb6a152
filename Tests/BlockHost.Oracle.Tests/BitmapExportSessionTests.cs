// SPDX-License-Identifier: MIT
using static BlockHost.Oracle.Tests.Support.BitmapSessions;

namespace BlockHost.Oracle.Tests;

/// <summary>Sessions about dirty bitmaps that NBD clients are shown, against the real daemon and this host.</summary>
public sealed class BitmapExportSessionTests
{
    [SkippableFact]
    public Task Shown_to_NBD_clients() => CompareAsync(
        OpenA,
        Serve,
        ExportA,
        Add("a", "b0", ",\"granularity\":4096"),
        Add("a", "ünï", ",\"granularity\":512"),
        Add("a", "idle", ",\"disabled\":true"),
        "write 0 1",
        "write 1M 64k",
        "write 4M 1k",
        "write 16775168 2k",
        StopServing,
        Serve,
        Export(""","writable":true,"bitmaps":["b0","nope"]"""),
        Export(""","writable":true,"bitmaps":["b0",{"node":"a","name":"nope"}]"""),
        Export(""","writable":true,"bitmaps":["b0",{"node":"zn","name":"nope"}]"""),
        Export(""","writable":true,"bitmaps":[1]"""),
        Export(""","bitmaps":["b0"]"""),
        Export(""","writable":true,"allocation-depth":true,"bitmaps":["b0",{"node":"a","name":"ünï"},"idle"]"""),
        "nbdinfo --json",
        "nbdinfo --json --map=qemu:dirty-bitmap:b0",
        "nbdinfo --json --map=qemu:dirty-bitmap:ünï",
        "nbdinfo --json --map=qemu:dirty-bitmap:idle",
        "nbdinfo --json --map=qemu:allocation-depth",
        Query,
        Do("remove", "a", "b0"),
        Do("clear", "a", "idle"),
        Add("a", "b0"),
        "write 8M 64k",
        "nbdinfo --json --map=qemu:dirty-bitmap:b0",
        Export(""","bitmaps":["idle"]""", id: "e2", name: "a2"),
        StopServing,
        Query,
        Do("remove", "a", "b0"),
        Serve,
        Export(""","bitmaps":["idle"]""", id: "e2"),
        "nbdinfo --json");

    [SkippableFact]
    public Task Shown_of_backing_files() => CompareAsync(
        OpenA,
        Serve,
        ExportA,
        Add("a", "b0"),
        "write 1M 64k",
        StopServing,
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"top","file":{"driver":"file","filename":"DIR/top.qcow2"},"backing":"a"}}""",
        Serve,
        Export(""","writable":true,"allocation-depth":true,"bitmaps":["b0"]""", node: "top"),
        "write 3M 64k",
        "nbdinfo --json --map=qemu:dirty-bitmap:b0",
        "nbdinfo --json --map=qemu:allocation-depth",
        Query);

    private static string Export(string more, string id = "e", string node = "a", string name = "a") =>
        $$$"""{"execute":"block-export-add","arguments":{"type":"nbd","id":"{{{id}}}","node-name":"{{{node}}}","name":"{{{name}}}"{{{more}}}}}""";
}
