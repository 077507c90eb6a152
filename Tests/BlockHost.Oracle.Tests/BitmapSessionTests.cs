// SPDX-License-Identifier: MIT
using static BlockHost.Oracle.Tests.Support.BitmapSessions;

namespace BlockHost.Oracle.Tests;

/// <summary>
/// Sessions about dirty bitmaps against the real daemon and this host: the same answers, and images that each reads as the
/// other does. A line that is no request is a command of qemu-io, or nbdinfo's, which a client of the daemon's NBD export runs.
/// </summary>
public sealed class BitmapSessionTests
{
    [SkippableFact]
    public Task Adding_and_removing() => CompareAsync(
        OpenA,
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"v2","file":{"driver":"file","filename":"DIR/v2.qcow2"}}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"raw","node-name":"r","file":{"driver":"file","filename":"DIR/disk.raw"}}}""",
        Add("nope", "b0"),
        Add("a", ""),
        Add("a", "b0", ",\"granularity\":100"),
        Add("a", "b0", ",\"granularity\":768"),
        Add("a", "b0", ",\"granularity\":-1"),
        Add("a", "b0", ",\"granularity\":4294967296"),
        Add("a", "b0", ",\"granularity\":4294967295"),
        Add("a", "b0"),
        Add("a", "b0"),
        Add("a", "b0", ",\"persistent\":true"),
        Add("a", "b1", ",\"persistent\":true,\"disabled\":true,\"granularity\":512"),
        Add("a", "b2", ",\"persistent\":true,\"granularity\":2147483648"),
        Add("v2", "b1", ",\"persistent\":true"),
        Add("v2", "b1"),
        Add("r", "b1", ",\"persistent\":true"),
        Add("r", "b1"),
        Add("a", new string('n', 1024)),
        Add("a", new string('n', 1024), ",\"persistent\":true"),
        Add("a", new string('n', 1023), ",\"persistent\":true"),
        Query,
        Do("remove", "a", "x"),
        Do("remove", "x", "x"),
        Do("remove", "a", "b0"),
        Do("remove", "a", "b0"),
        Do("remove", "a", "b1"),
        Query);

    [SkippableFact]
    public Task Recording_writes() => CompareAsync(
        OpenA,
        Serve,
        ExportA,
        Add("a", "b0"),
        Add("a", "b1", ",\"granularity\":512"),
        Add("a", "off", ",\"disabled\":true"),
        "write 0 1",
        "write 1M 64k",
        "write 100000 100",
        Query,
        Sha("b0"),
        Sha("b1"),
        Sha("off"),
        Sha("nope"),
        Do("disable", "a", "b0"),
        Do("enable", "a", "off"),
        "write 3M 1M",
        "write -z 5M 100k",
        "discard 6M 64k",
        Query,
        Sha("b0"),
        Sha("b1"),
        Sha("off"),
        Do("clear", "a", "b1"),
        Do("clear", "a", "nope"),
        Do("enable", "nope", "b1"),
        "write 15M 1M",
        Query,
        Sha("b1"),
        StopServing);

    [SkippableFact]
    public Task Merging() => CompareAsync(
        OpenA,
        """{"execute":"blockdev-add","arguments":{"driver":"null-co","node-name":"n","size":33554432}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"null-co","node-name":"same","size":16777216}}""",
        Serve,
        ExportA,
        Add("a", "b0"),
        "write 0 1",
        "write 1M 64k",
        Add("a", "b1", ",\"granularity\":4096"),
        "write 2M 100",
        Add("n", "b1"),
        Add("same", "s"),
        Merge("b1", "\"b0\",\"zz\""),
        Merge("zz", "\"b0\""),
        Merge("b1", "\"b0\",{\"node\":\"n\",\"name\":\"b1\"}"),
        Merge("b1", "\"b0\",{\"node\":\"zn\",\"name\":\"b1\"}"),
        Merge("b1", "\"b0\",{\"node\":\"n\",\"name\":\"zz\"}"),
        Sha("b1"),
        Merge("b1", "\"b0\""),
        Sha("b1"),
        """{"execute":"block-dirty-bitmap-merge","arguments":{"node":"same","target":"s","bitmaps":[{"node":"a","name":"b1"},{"node":"a","name":"b0"}]}}""",
        """{"execute":"x-debug-block-dirty-bitmap-sha256","arguments":{"node":"same","name":"s"}}""",
        """{"execute":"block-dirty-bitmap-merge","arguments":{"node":"a","target":"b1","bitmaps":[1]}}""",
        Query);

    [SkippableFact]
    public Task Transactions() => CompareAsync(
        OpenA,
        Serve,
        ExportA,
        Transaction(Action("add", "t0"), Action("add", "t1"), Action("disable", "t1")),
        "write 0 1M",
        Transaction(Action("add", "t3"), Action("clear", "nope")),
        Transaction(Action("enable", "t1"), Action("remove", "t0"), Action("remove", "t0")),
        Query,
        Transaction(
            """{"type":"block-dirty-bitmap-merge","data":{"node":"a","target":"t1","bitmaps":["t0"]}}""",
            Action("clear", "t0"),
            Action("disable", "t0"),
            Action("nope", "t0")),
        Transaction(
            """{"type":"block-dirty-bitmap-merge","data":{"node":"a","target":"t1","bitmaps":["t0"]}}""",
            Action("clear", "t0"),
            Action("disable", "t0"),
            """{"type":"abort","data":{}}"""),
        Query,
        Sha("t0"),
        Transaction(
            """{"type":"block-dirty-bitmap-merge","data":{"node":"a","target":"t1","bitmaps":["t0"]}}""", Action("remove", "t0")),
        """{"execute":"transaction","arguments":{"actions":[{"type":"block-dirty-bitmap-add","data":{"node":"a","name":"t9"}}],"properties":{"completion-mode":"grouped"}}}""",
        Transaction(Action("add", "t5"), Action("disable", "t5"), """{"type":"abort","data":{}}"""),
        Sha("t1"),
        Query);

    [SkippableTheory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public Task Random_sequences(int seed) => CompareAsync([.. RandomSequence(new Random(seed), 60)]);

    private static IEnumerable<string> RandomSequence(Random random, int count)
    {
        yield return OpenA;
        yield return Serve;
        yield return ExportA;
        for (var i = 0; i < count; i++)
        {
            var name = $"b{random.Next(4)}";
            switch (random.Next(16))
            {
                case 0:
                    yield return StopServing;
                    yield return CloseA;
                    yield return OpenA;
                    yield return Query;
                    yield return Serve;
                    yield return ExportA;
                    break;
                case 1 or 2 or 3:
                    yield return Add(
                        "a",
                        name,
                        $",\"granularity\":{512 << random.Next(9)}{(random.Next(3) > 0 ? ",\"persistent\":true" : "")}{(random.Next(3) == 0 ? ",\"disabled\":true" : "")}");
                    break;
                case 4:
                    yield return Do(random.Next(3) == 0 ? "remove" : "clear", "a", name);
                    break;
                case 5:
                    yield return Do(random.Next(2) == 0 ? "enable" : "disable", "a", name);
                    break;
                case 6 or 7:
                    yield return Merge(name, $"\"b{random.Next(4)}\",\"b{random.Next(4)}\"");
                    break;
                case 8:
                    yield return Transaction(
                        Action("clear", name),
                        Action("disable", $"b{random.Next(4)}"),
                        random.Next(2) == 0 ? Action("enable", name) : """{"type":"abort","data":{}}""");
                    break;
                case 9:
                    yield return $"discard {random.Next(200) * 65536} 64k";
                    break;
                case 10:
                    yield return $"write -z {random.Next(16 << 20)} {random.Next(1, 1000)}";
                    break;
                default:
                    var offset = random.Next(16 << 20);
                    yield return $"write {offset} {random.Next(1, Math.Min(1 << (10 + random.Next(11)), (16 << 20) - offset + 1))}";
                    break;
            }

            yield return Sha(name);
        }

        yield return Query;
        yield return StopServing;
    }
}
