// SPDX-License-Identifier: MIT
using BlockHost.Core.Json;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Core.Block.Opening;
using BlockHost.Qmp;

namespace BlockHost.Images;

/// <summary>
/// JSON and its human form as QEMU's tools print them, members in QEMU's order.
/// </summary>
internal static class QemuJson
{
    private const int Indentation = 4;

    private static readonly JsonWriterOptions Pretty = new()
    {
        MaxDepth = QmpJson.MaxDepth,
        Indented = true,
        IndentSize = Indentation,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Writes pretty-printed JSON and a newline.</summary>
    public static void Write(TextWriter output, JsonNode node)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, Pretty))
            WriteOrdered(writer, node);
        output.Write(System.Text.Encoding.UTF8.GetString(buffer.GetBuffer().AsSpan(0, (int)buffer.Length)));
        output.Write('\n');
    }

    /// <summary>"key: value" lines, nested objects and arrays indented by four.</summary>
    public static void WriteHuman(TextWriter output, JsonNode node, int indentation)
    {
        switch (node)
        {
            case JsonObject members:
                foreach (var (name, value) in InOrder(members))
                    WriteHumanMember(output, name.Replace('-', ' '), value, indentation);
                break;
            case JsonArray items:
                for (var i = 0; i < items.Count; i++)
                    WriteHumanMember(output, $"[{i}]", items[i], indentation);
                break;
        }
    }

    public static IEnumerable<KeyValuePair<string, JsonNode?>> InOrder(JsonObject members) =>
        members.OrderBy(member => QemuMemberOrder.PlaceOf(member.Key));

    private static void WriteHumanMember(TextWriter output, string label, JsonNode? value, int indentation)
    {
        output.Write(new string(' ', indentation * 4));
        if (value is JsonObject or JsonArray)
        {
            output.Write($"{label}:\n");
            WriteHuman(output, value, indentation + 1);
            return;
        }

        var text = value?.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : value?.ToJsonString() ?? "null";
        output.Write($"{label}: {text}\n");
    }

    private static void WriteOrdered(Utf8JsonWriter writer, JsonNode? node)
    {
        switch (node)
        {
            case JsonObject { Count: 0 }:
                WriteEmpty(writer, "{", "}");
                break;
            case JsonArray { Count: 0 }:
                WriteEmpty(writer, "[", "]");
                break;
            case JsonObject members:
                writer.WriteStartObject();
                foreach (var (name, value) in InOrder(members))
                {
                    writer.WritePropertyName(name);
                    WriteOrdered(writer, value);
                }

                writer.WriteEndObject();
                break;
            case JsonArray items:
                writer.WriteStartArray();
                foreach (var item in items)
                    WriteOrdered(writer, item);
                writer.WriteEndArray();
                break;
            case null:
                writer.WriteNullValue();
                break;
            default:
                node.WriteTo(writer);
                break;
        }
    }

    // QEMU breaks the line in these, too.
    private static void WriteEmpty(Utf8JsonWriter writer, string open, string close) =>
        writer.WriteRawValue($"{open}\n{new string(' ', Indentation * writer.CurrentDepth)}{close}", skipInputValidation: true);
}
