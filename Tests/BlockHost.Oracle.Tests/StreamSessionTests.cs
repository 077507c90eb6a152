// SPDX-License-Identifier: MIT
using BlockHost.Oracle.Tests.Support;
using static BlockHost.Oracle.Tests.Support.SessionLines;

namespace BlockHost.Oracle.Tests;

/// <summary>Sessions with stream jobs over base ◄ middle ◄ top, against the real daemon and this host.</summary>
public sealed class StreamSessionTests
{
    [SkippableFact]
    public Task Streams_that_do_not_start() => CompareAsync(
        Stream("", device: "nope"),
        Stream(""","base":"nope" """),
        Stream(""","base-node":"nope" """),
        Stream(""","base-node":"t" """),
        Stream(""","base-node":"t" """, device: "m"),
        Stream(""","base-node":"b","base":"x" """),
        Stream(""","base":"x","bottom":"m" """),
        Stream(""","base-node":"b","bottom":"m" """),
        Stream(""","bottom":"nope" """),
        Stream(""","bottom":"t" """, device: "m"),
        Stream(""","backing-file":"x" """),
        Stream(""","backing-file":"x","bottom":"m" """),
        Stream(""","speed":-1"""),
        Stream(""","on-error":"nope" """),
        Stream(""","filter-node-name":"m" """),
        """{"execute":"block-stream","arguments":{"device":"t"}}""",
        """{"execute":"block-stream","arguments":{"job-id":"j"}}""",
        QueryJobs,
        Graph);

    [SkippableFact]
    public Task The_whole_chain() => CompareAsync(Stream(""), Gone, QueryJobs, Graph);

    [SkippableFact]
    public Task Down_to_a_base_node() => CompareAsync(Stream(""","base-node":"b" """), Gone, Graph);

    /// <summary>The graph is not compared: QEMU keeps the filter, without anything to filter, until then.</summary>
    [SkippableFact]
    public Task The_images_are_the_jobs_until_it_is_dismissed() => CompareAsync(
        Stream(""","base-node":"b","auto-dismiss":false"""),
        "@ concluded j",
        """{"execute":"blockdev-del","arguments":{"node-name":"m"}}""",
        """{"execute":"blockdev-del","arguments":{"node-name":"t"}}""",
        """{"execute":"block_resize","arguments":{"node-name":"t","size":2097152}}""",
        """{"execute":"block-stream","arguments":{"device":"t","job-id":"k"}}""",
        """{"execute":"block-commit","arguments":{"device":"t","job-id":"k"}}""",
        """{"execute":"blockdev-snapshot-sync","arguments":{"node-name":"t","snapshot-file":"DIR/new.qcow2","snapshot-node-name":"n"}}""",
        """{"execute":"job-dismiss","arguments":{"id":"j"}}""",
        Nodes,
        Graph);

    [SkippableFact]
    public Task Down_to_a_base_by_its_file_name() => CompareAsync(Stream(""","base":"DIR/base.qcow2" """), Gone, Graph);

    [SkippableFact]
    public Task Down_to_a_bottom_node() => CompareAsync(Stream(""","bottom":"m" """), Gone, Graph);

    [SkippableFact]
    public Task An_image_in_the_middle() => CompareAsync(Stream("", device: "m"), Gone, Graph);

    [SkippableFact]
    public Task An_image_without_backing_file() => CompareAsync(Stream("", device: "b"), Gone, QueryJobs, Graph);

    [SkippableFact]
    public Task Pause_resume_and_end() => CompareAsync(
        Slow(),
        "@ running j",
        Verb("job-pause"),
        "@ paused j",
        Verb("job-pause"),
        Verb("job-complete"),
        Verb("job-finalize"),
        Verb("job-dismiss"),
        Verb("job-resume"),
        Verb("job-resume"),
        """{"execute":"block-job-set-speed","arguments":{"device":"j","speed":0}}""",
        Gone,
        QueryJobs);

    [SkippableFact]
    public Task Cancel_while_running() => CompareAsync(Slow(), "@ running j", Verb("job-cancel"), Gone, Graph);

    [SkippableFact]
    public Task Cancel_while_paused() => CompareAsync(
        Slow(),
        "@ running j",
        Verb("job-pause"),
        "@ paused j",
        SoftCancel,
        """{"execute":"block-job-cancel","arguments":{"device":"j","force":true}}""",
        Gone,
        Graph);

    [SkippableFact]
    public Task Nodes_of_a_stream_are_kept() => CompareAsync(
        Slow(),
        "@ running j",
        """{"execute":"blockdev-del","arguments":{"node-name":"m"}}""",
        """{"execute":"block-stream","arguments":{"job-id":"k","device":"m"}}""",
        """{"execute":"block_resize","arguments":{"node-name":"m","size":1048576}}""",
        Verb("job-cancel"),
        Gone);

    [SkippableFact]
    public Task Manual_ends() => CompareAsync(
        Stream(""","auto-finalize":false,"auto-dismiss":false"""),
        "@ pending j",
        QueryJobs,
        Verb("job-finalize"),
        "@ concluded j",
        BlockJobs,
        Verb("job-dismiss"),
        Graph);

    private static Task CompareAsync(params string[] session) => JobSessions.CompareAsync(
    [
        OpenChain,
        .. session,
    ]);

    /// <summary>One that would take long: the images hold data.</summary>
    private static string Slow() => Stream(""","speed":1000""");

    private static string Stream(string more, string device = "t") =>
        $$$"""{"execute":"block-stream","arguments":{"job-id":"j","device":"{{{device}}}"{{{more}}} } }""";
}
