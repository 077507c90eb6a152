// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Core.Json;
using BlockHost.Qmp;

namespace BlockHost.Core.Block.Opening;

/// <summary>BlockdevOptions of one node, the common members apart from the driver's own.</summary>
internal sealed record NodeOptions
{
    public required string Driver { get; init; }

    public string? NodeName { get; init; }

    public required GenericOptions Generic { get; init; }

    /// <summary>An object with the driver's members only.</summary>
    public required JsonElement DriverOptions { get; init; }

    /// <summary>All of it as given, without what was inherited.</summary>
    public required JsonElement Explicit { get; init; }

    /// <param name="options">An object.</param>
    /// <param name="inherited">What absent members are taken from.</param>
    /// <exception cref="BlockException">With QEMU's text.</exception>
    public static NodeOptions Parse(JsonElement options, GenericOptions inherited)
    {
        if (options.ValueKind != JsonValueKind.Object)
            throw new BlockException(ParameterFault.WrongType("options", "object"));
        string? driver = null;
        string? nodeName = null;
        var generic = inherited;
        var own = JsonObjects.Where(options, member => !IsCommon(member.Name));
        foreach (var member in options.EnumerateObject())
        {
            switch (member.Name)
            {
                case "driver":
                    driver = String(member);
                    break;
                case "node-name":
                    nodeName = String(member);
                    break;
                case "id":
                    throw new BlockException(ParameterFault.Unexpected("id"));
                default:
                    generic = With(generic, member);
                    break;
            }
        }

        Check(generic);
        return new NodeOptions
        {
            Driver = driver ?? throw new BlockException(ParameterFault.Missing("driver")),
            NodeName = nodeName,
            Generic = generic,
            DriverOptions = own,
            Explicit = options.Clone(),
        };
    }

    /// <summary>All options under the node's final name.</summary>
    public JsonElement ToJson(string nodeName) => QmpJson.WriteObject(writer =>
    {
        writer.WriteString("driver", Driver);
        writer.WriteString("node-name", nodeName);
        writer.WriteBoolean("read-only", Generic.ReadOnly);
        writer.WriteBoolean("auto-read-only", Generic.AutoReadOnly);
        writer.WriteBoolean("force-share", Generic.ForceShare);
        writer.WriteString("discard", Generic.DiscardUnmap ? "unmap" : "ignore");
        writer.WriteString("detect-zeroes", Name(Generic.DetectZeroes));
        writer.WriteStartObject("cache");
        writer.WriteBoolean("direct", Generic.CacheDirect);
        writer.WriteBoolean("no-flush", Generic.CacheNoFlush);
        writer.WriteEndObject();
        if (Generic.Deadline is { } deadline)
            writer.WriteNumber(GenericOptions.DeadlineName, (long)deadline.TotalSeconds);
        JsonObjects.CopyMembers(writer, DriverOptions);
    });

    public static string Name(DetectZeroes mode) => mode switch
    {
        DetectZeroes.On => "on",
        DetectZeroes.Unmap => "unmap",
        _ => "off",
    };

    private static bool IsCommon(string name) =>
        name is "driver" or "node-name" or "read-only" or "auto-read-only" or "force-share" or "discard" or "detect-zeroes"
            or "cache" or "active" or GenericOptions.DeadlineName;

    private static GenericOptions With(GenericOptions generic, JsonProperty member) => member.Name switch
    {
        "read-only" => generic with { ReadOnly = Bool(member) },
        "auto-read-only" => generic with { AutoReadOnly = Bool(member) },
        "force-share" => generic with { ForceShare = Bool(member) },
        "discard" => generic with { DiscardUnmap = Discard(member) },
        "detect-zeroes" => generic with { DetectZeroes = Detect(member) },
        "cache" => WithCache(generic, member.Value),
        "active" => generic with { Active = Bool(member) },
        GenericOptions.DeadlineName => generic with { Deadline = Seconds(member) },
        _ => generic,
    };

    private static GenericOptions WithCache(GenericOptions generic, JsonElement cache)
    {
        if (cache.ValueKind != JsonValueKind.Object)
            throw new BlockException(ParameterFault.WrongType("cache", "object"));
        foreach (var member in cache.EnumerateObject())
        {
            generic = member.Name switch
            {
                "direct" => generic with { CacheDirect = Bool(member, "cache.") },
                "no-flush" => generic with { CacheNoFlush = Bool(member, "cache.") },
                _ => throw new BlockException(ParameterFault.Unexpected($"cache.{member.Name}")),
            };
        }

        return generic;
    }

    private static void Check(GenericOptions generic)
    {
        if (generic.DetectZeroes == DetectZeroes.Unmap && !generic.DiscardUnmap)
            throw new BlockException(
                BlockErrorKind.InvalidArgument,
                "setting detect-zeroes to unmap is not allowed without setting discard operation to unmap");
        if (generic.ForceShare && !generic.ReadOnly)
            throw new BlockException(BlockErrorKind.InvalidArgument, "force-share=on can only be used with read-only images");
    }

    private static bool Discard(JsonProperty member) => String(member) switch
    {
        "unmap" or "on" => true,
        "ignore" or "off" => false,
        var other => throw new BlockException(ParameterFault.NotAccepted(member.Name, other)),
    };

    private static DetectZeroes Detect(JsonProperty member) => String(member) switch
    {
        "off" => DetectZeroes.Off,
        "on" => DetectZeroes.On,
        "unmap" => DetectZeroes.Unmap,
        var other => throw new BlockException(ParameterFault.NotAccepted(member.Name, other)),
    };

    private static string String(JsonProperty member) => member.Value.ValueKind == JsonValueKind.String
        ? member.Value.GetString()!
        : throw new BlockException(ParameterFault.WrongType(member.Name, "string"));

    /// <summary>1 to a day: what nobody waits for needs no deadline.</summary>
    private static TimeSpan Seconds(JsonProperty member)
    {
        const int day = 24 * 60 * 60;
        var given = member.Value.ValueKind == JsonValueKind.String ? member.Value.GetString() : member.Value.GetRawText();
        return int.TryParse(given, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds is > 0 and <= day
            ? TimeSpan.FromSeconds(seconds)
            : throw new BlockException(ParameterFault.OutOfRange(member.Name, $"a number of seconds from 1 to {day}"));
    }

    // Strings are what the keyval command lines and older json: file names give.
    private static bool Bool(JsonProperty member, string path = "") => member.Value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.String when member.Value.GetString() is "on" => true,
        JsonValueKind.String when member.Value.GetString() is "off" => false,
        JsonValueKind.String => throw new BlockException(ParameterFault.OutOfRange($"{path}{member.Name}", "'on' or 'off'")),
        _ => throw new BlockException(ParameterFault.WrongType(member.Name, "boolean")),
    };
}
