// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Block.Commands;

/// <summary>
/// The form of BlockdevOptions that clients written before QEMU 2.9 send:
/// <code>
///   {"options": {"driver": "qcow2", "id": "disk", "cache": {"writeback": true}, "aio": "native", "file": {…}}}
/// </code>
/// "aio" belonged to every node and now to the file, "cache.writeback" to the node and now to its user, and "rerror"
/// and "werror" to the node and now to a guest's device.
/// </summary>
internal static class LegacyBlockdevOptions
{
    /// <summary>
    /// Today's options, with the members of <see cref="LegacyDevice"/> kept; anything else is returned as it is.
    /// </summary>
    public static JsonElement Unwrap(JsonElement arguments)
    {
        if (arguments.ValueKind != JsonValueKind.Object
            || arguments.GetPropertyCount() != 1
            || !arguments.TryGetProperty("options", out var options)
            || options.ValueKind != JsonValueKind.Object)
        {
            return arguments;
        }

        var node = JsonObject.Create(options)!;
        Convert(node, inheritedAio: null);
        return QmpJson.ToElement(node);
    }

    /// <summary>Takes out what describes the node's user rather than the node; null where the options name no user.</summary>
    public static LegacyDevice? TakeDevice(ref JsonElement options)
    {
        if (!options.TryGetProperty("id", out var id))
            return null;
        var rest = JsonObject.Create(options)!;
        rest.Remove("id");
        var writeThrough = rest["cache"] is JsonObject cache && cache.Remove("writeback", out var writeback)
            && !writeback!.GetValue<bool>();
        options = QmpJson.ToElement(rest);
        return new(id.GetString()!, writeThrough);
    }

    private static void Convert(JsonObject node, JsonNode? inheritedAio)
    {
        var aio = node["aio"]?.DeepClone() ?? inheritedAio;
        var children = node.Select(member => member.Value).OfType<JsonObject>().Where(child => child.ContainsKey("driver"))
            .ToList();
        node.Remove("rerror");
        node.Remove("werror");
        if (node["cache"] is JsonObject cache && !node.ContainsKey("id"))
            cache.Remove("writeback");
        if (children.Count > 0)
            node.Remove("aio");
        else if (aio is not null && node["filename"] is not null)
            node["aio"] = aio.DeepClone();
        foreach (var child in children)
            Convert(child, aio);
    }
}

/// <param name="Id">Name of the backend that owns the node.</param>
internal sealed record LegacyDevice(string Id, bool WriteThrough);
