// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;
using BlockHost.Formats.WriteLogs;

namespace BlockHost.Tools.Replay;

/// <summary>
/// The entries of a log, a line each. Numbers are those that --until takes to replay an entry and what comes before it.
/// </summary>
internal sealed class LogListing(TextWriter output, bool json)
{
    public async ValueTask PrintAsync(LogFile log, long? until, string? mark, CancellationToken cancellationToken)
    {
        if (!json)
            output.Write($"{"Entry",8}  {"Offset",14}  {"Bytes",12}  What\n");
        await foreach (var record in log.RecordsAsync(until, mark, cancellationToken))
            output.Write((json ? Json(record) : Line(record)) + "\n");
    }

    private static string Line(WriteLogRecord record)
    {
        var place = record.Bytes > 0 ? $"{record.Offset,14}  {record.Bytes,12}" : $"{"",14}  {"",12}";
        return $"{record.Index + 1,8}  {place}  {What(record)}";
    }

    private static string What(WriteLogRecord record)
    {
        var words = Kinds(record).ToList();
        return record.Mark is { } mark ? $"{string.Join(", ", words)} '{mark}'" : string.Join(", ", words);
    }

    private static string Json(WriteLogRecord record)
    {
        var line = new JsonObject
        {
            ["entry"] = record.Index + 1,
            ["what"] = new JsonArray(
            [.. Kinds(record).Select(kind => (JsonNode)kind)])
        };
        if (record.Bytes > 0)
            (line["offset"], line["bytes"]) = (record.Offset, record.Bytes);
        if (record.Mark is { } mark)
            line["mark"] = mark;
        return line.ToJsonString();
    }

    private static IEnumerable<string> Kinds(WriteLogRecord record)
    {
        if (record.HasData)
            yield return "write";
        if ((record.Flags & WriteLogFlags.Flush) != 0)
            yield return "flush";
        if ((record.Flags & WriteLogFlags.Fua) != 0)
            yield return "fua";
        if ((record.Flags & WriteLogFlags.Discard) != 0)
            yield return "discard";
        if ((record.Flags & WriteLogFlags.Metadata) != 0)
            yield return "metadata";
        if ((record.Flags & WriteLogFlags.Mark) != 0)
            yield return "mark";
    }
}
