// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Text.Json;

namespace BlockHost.Core.Qmp;

/// <summary>Arguments as older versions of QEMU took them, turned into today's.</summary>
internal static class CompatibleForms
{
    public static JsonElement Modernise(string command, JsonElement arguments) =>
        command == "blockdev-add" && arguments.TryGetProperty("options"u8, out var options) && options.ValueKind == JsonValueKind.Object && !arguments.TryGetProperty("driver"u8, out _)
            ? Unwrap(options)
            : arguments;

    /// <summary>Up to QEMU 2.8: <c>{"options": {"driver": …, "id": NAME}}</c>, where the id named the node's device.</summary>
    private static JsonElement Unwrap(JsonElement options)
    {
        var hasNodeName = options.TryGetProperty("node-name"u8, out _);
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { MaxDepth = Json.JsonGrammar.MaxDepth }))
        {
            writer.WriteStartObject();
            foreach (var option in options.EnumerateObject())
            {
                if (option.NameEquals("id"u8) && hasNodeName)
                    continue;
                writer.WritePropertyName(option.NameEquals("id"u8) ? "node-name" : option.Name);
                option.Value.WriteTo(writer);
            }

            writer.WriteEndObject();
        }

        return Qapi.CommandLineJson.Parse(buffer.WrittenMemory);
    }
}
