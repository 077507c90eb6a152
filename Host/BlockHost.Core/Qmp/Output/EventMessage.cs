// SPDX-License-Identifier: MIT
using System.Text.Json;

namespace BlockHost.Core.Qmp.Output;

/// <summary>An event as it goes out, built once for all monitors of a kind.</summary>
internal sealed class EventMessage(string name, JsonElement? data, DateTimeOffset time)
{
    private readonly Lock _gate = new();
    private byte[]? _plain;
    private byte[]? _pretty;

    public ReadOnlySpan<byte> Utf8(bool pretty)
    {
        lock (_gate)
            return pretty ? _pretty ??= Build(pretty) : _plain ??= Build(pretty);
    }

    private byte[] Build(bool pretty)
    {
        using var message = new MessageWriter(pretty);
        var json = message.Json;
        json.WriteStartObject();
        json.WriteStartObject("timestamp"u8);
        json.WriteNumber("seconds"u8, time.ToUnixTimeSeconds());
        json.WriteNumber("microseconds"u8, time.Ticks % TimeSpan.TicksPerSecond / TimeSpan.TicksPerMicrosecond);
        json.WriteEndObject();
        json.WriteString("event"u8, name);
        if (data is { } value)
        {
            json.WritePropertyName("data"u8);
            value.WriteTo(json);
        }

        json.WriteEndObject();
        return message.Finish().ToArray();
    }
}
