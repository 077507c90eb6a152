// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Core.Qmp.Commands;

namespace BlockHost.Core.Qmp.Sessions;

/// <summary>The first message to every client.</summary>
internal static class QmpGreeting
{
    public static void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteStartObject("QMP"u8);
        json.WritePropertyName("version"u8);
        JsonSerializer.Serialize(json, CompatibleVersion.Current, MonitorJson.Default.VersionInfo);
        json.WriteStartArray("capabilities"u8);
        json.WriteStringValue("oob"u8);
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
