// SPDX-License-Identifier: MIT
using BlockHost.Oracle.Tests.Support;
using static BlockHost.Oracle.Tests.Support.SessionLines;

namespace BlockHost.Oracle.Tests;

/// <summary>Images that commands name by file: made, found, refused and taken back as by the real daemon.</summary>
public sealed class ImageFileSessionTests
{
    private const string Flat = """{"execute":"query-named-block-nodes","arguments":{"flat":true}}""";
    private const string Disk =
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"t","cache":{"no-flush":true},"file":{"driver":"file","filename":"DIR/top.qcow2"}}}""";

    [SkippableFact]
    public Task Images_that_cannot_be_made() => JobSessions.CompareAsync(
        Disk,
        Snapshot("DIR/s", ",\"format\":\"nope\""),
        Snapshot("DIR/s", ",\"format\":\"null-co\""),
        Snapshot("DIR/s", ",\"format\":\"raw\""),
        Snapshot("DIR/s", ",\"format\":\"file\""),
        Snapshot("nope:s"),
        Snapshot("json:{}"),
        Snapshot("DIR/top.qcow2"),
        Snapshot("DIR/base.qcow2"),
        Snapshot("file:DIR/top.qcow2"),
        Snapshot("DIR/absent/s"),
        Snapshot(""),
        Snapshot("DIR"),
        Flat);

    [SkippableFact]
    public Task Images_that_are_not_there_or_not_what_they_should_be() => JobSessions.CompareAsync(
        Disk,
        Snapshot("DIR/absent", ",\"mode\":\"existing\""),
        Snapshot("", ",\"mode\":\"existing\""),
        Snapshot("nope:s", ",\"mode\":\"existing\""),
        Snapshot("DIR/base.qcow2", ",\"mode\":\"existing\""),
        Snapshot("DIR/disk.raw", ",\"mode\":\"existing\""),
        Snapshot("DIR/disk.raw", ",\"mode\":\"existing\",\"format\":\"raw\""),
        Snapshot("DIR/disk.raw", ",\"mode\":\"existing\",\"format\":\"nope\""),
        Snapshot("DIR/disk.raw", ",\"mode\":\"nope\""),
        Flat);

    [SkippableFact]
    public Task Names_of_nodes_that_are_missing_or_taken() => JobSessions.CompareAsync(
        Disk,
        """{"execute":"blockdev-snapshot-sync","arguments":{"node-name":"t","snapshot-file":"DIR/s"}}""",
        """{"execute":"blockdev-snapshot-sync","arguments":{"node-name":"t","snapshot-node-name":"t","snapshot-file":"DIR/s"}}""",
        """{"execute":"blockdev-snapshot-sync","arguments":{"node-name":"t","snapshot-node-name":"1x","snapshot-file":"DIR/s"}}""",
        """{"execute":"blockdev-snapshot-sync","arguments":{"node-name":"nope","snapshot-node-name":"s","snapshot-file":"DIR/s"}}""",
        """{"execute":"blockdev-snapshot-sync","arguments":{"snapshot-node-name":"s","snapshot-file":"DIR/s"}}""",
        Flat);

    [SkippableFact]
    public Task An_image_with_a_protocol_in_its_name_and_one_that_is_there() => JobSessions.CompareAsync(
        Disk,
        Snapshot("file:DIR/s"),
        """{"execute":"blockdev-snapshot-sync","arguments":{"node-name":"s","snapshot-node-name":"s2","snapshot-file":"DIR/other.qcow2","mode":"existing"}}""",
        Flat,
        Graph);

    [SkippableFact]
    public Task Sizes_that_are_no_whole_sectors() => JobSessions.CompareAsync(
        """{"execute":"blockdev-create","arguments":{"job-id":"a","options":{"driver":"file","filename":"DIR/new","size":1000}}}""",
        "@ concluded a",
        """{"execute":"blockdev-create","arguments":{"job-id":"b","options":{"driver":"file","filename":"DIR/new2","size":-1}}}""",
        "@ concluded b",
        """{"execute":"blockdev-add","arguments":{"driver":"file","node-name":"f","filename":"DIR/new"}}""",
        """{"execute":"blockdev-create","arguments":{"job-id":"n","options":{"driver":"qcow2","file":"nope","size":1000}}}""",
        "@ concluded n",
        """{"execute":"blockdev-create","arguments":{"job-id":"c","options":{"driver":"qcow2","file":"f","size":1000}}}""",
        "@ concluded c",
        """{"execute":"blockdev-create","arguments":{"job-id":"d","options":{"driver":"qcow2","file":"f","size":-1}}}""",
        "@ concluded d",
        QueryJobs,
        Flat,
        """{"execute":"blockdev-snapshot-sync","arguments":{"node-name":"f","snapshot-node-name":"s","snapshot-file":"DIR/s"}}""",
        Flat);

    private static string Snapshot(string file, string more = "") =>
        $$$"""{"execute":"blockdev-snapshot-sync","arguments":{"node-name":"t","snapshot-node-name":"s","snapshot-file":"{{{file}}}"{{{more}}}}}""";
}
