// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace BlockHost.Logging;

/// <summary>One entry of the log, and its two forms.</summary>
internal sealed record LogEntry(
    DateTimeOffset Time, LogLevel Level, string Category, string? Event, string Message, Exception? Exception)
{
    private const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";

    /// <summary>What the message is made of, by name.</summary>
    public IReadOnlyList<KeyValuePair<string, object?>> Values { get; init; } = [];

    private string LevelName => Level switch
    {
        LogLevel.Trace => "trace",
        LogLevel.Debug => "debug",
        LogLevel.Information => "info",
        LogLevel.Warning => "warning",
        _ => "error",
    };

    /// <summary>
    /// A line, and the exception with its stack indented below it. Control characters cannot make lines of their own.
    /// </summary>
    public byte[] ToText()
    {
        var text = new StringBuilder();
        text.Append(Time.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture));
        text.Append(CultureInfo.InvariantCulture, $" {LevelName} {Category}: ");
        foreach (var c in Message)
            text.Append(char.IsControl(c) ? ' ' : c);
        text.Append('\n');
        foreach (var line in (Exception?.ToString() ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries))
            text.Append("    ").Append(line.TrimEnd('\r')).Append('\n');
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    /// <summary>One line of JSON.</summary>
    public byte[] ToJson()
    {
        using var line = new MemoryStream();
        using (var json = new Utf8JsonWriter(
            line, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("time", Time.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture));
            json.WriteString("level", LevelName);
            json.WriteString("category", Category);
            if (Event is not null)
                json.WriteString("event", Event);
            json.WriteString("message", Message);
            WriteValues(json);
            if (Exception is not null)
                json.WriteString("exception", Exception.ToString());
            json.WriteEndObject();
        }

        line.WriteByte((byte)'\n');
        return line.ToArray();
    }

    private void WriteValues(Utf8JsonWriter json)
    {
        json.WriteStartObject("values");
        foreach (var (name, value) in Values)
        {
            if (name != "{OriginalFormat}")
                json.WriteString(
                    JsonNamingPolicy.KebabCaseLower.ConvertName(name), Convert.ToString(value, CultureInfo.InvariantCulture));
        }

        json.WriteEndObject();
    }
}
