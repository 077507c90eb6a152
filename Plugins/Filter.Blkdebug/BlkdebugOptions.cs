// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Filter.Blkdebug;

/// <summary>QAPI BlkdebugIOType: kinds of requests that can fail.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<BlkdebugIOType>))]
public enum BlkdebugIOType
{
    [JsonStringEnumMemberName("read")]
    Read = 0,

    [JsonStringEnumMemberName("write")]
    Write = 1,

    [JsonStringEnumMemberName("write-zeroes")]
    WriteZeroes = 2,

    [JsonStringEnumMemberName("discard")]
    Discard = 3,

    [JsonStringEnumMemberName("flush")]
    Flush = 4,

    [JsonStringEnumMemberName("block-status")]
    BlockStatus = 5,
}

/// <summary>QAPI BlockPermission.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ChildPermission>))]
public enum ChildPermission
{
    [JsonStringEnumMemberName("consistent-read")]
    ConsistentRead = BlockPermissions.ConsistentRead,

    [JsonStringEnumMemberName("write")]
    Write = BlockPermissions.Write,

    [JsonStringEnumMemberName("write-unchanged")]
    WriteUnchanged = BlockPermissions.WriteUnchanged,

    [JsonStringEnumMemberName("resize")]
    Resize = BlockPermissions.Resize,
}

/// <summary>QAPI BlkdebugInjectErrorOptions.</summary>
public sealed record BlkdebugInjectErrorOptions
{
    public required BlkdebugEvent Event { get; init; }

    /// <summary>The state in which the rule holds; absent or 0: any.</summary>
    public long? State { get; init; }

    /// <summary>Absent: all but block-status.</summary>
    public BlkdebugIOType? Iotype { get; init; }

    /// <summary>Absent: EIO. 0: the rule takes requests and lets them be.</summary>
    public long? Errno { get; init; }

    /// <summary>A sector of 512 bytes that the request has to touch; absent or -1: any.</summary>
    public long? Sector { get; init; }

    public bool? Once { get; init; }

    public bool? Immediately { get; init; }
}

/// <summary>QAPI BlkdebugSetStateOptions.</summary>
public sealed record BlkdebugSetStateOptions
{
    public required BlkdebugEvent Event { get; init; }

    public long? State { get; init; }

    [JsonPropertyName("new_state")]
    public required long NewState { get; init; }
}

/// <summary>QAPI BlockdevOptionsBlkdebug.</summary>
public sealed record BlkdebugOptions
{
    public required BlockdevRef Image { get; init; }

    /// <summary>A file with more rules.</summary>
    public string? Config { get; init; }

    public long? Align { get; init; }

    public long? MaxTransfer { get; init; }

    public long? OptWriteZero { get; init; }

    public long? MaxWriteZero { get; init; }

    public long? OptDiscard { get; init; }

    public long? MaxDiscard { get; init; }

    public IReadOnlyList<BlkdebugInjectErrorOptions>? InjectError { get; init; }

    public IReadOnlyList<BlkdebugSetStateOptions>? SetState { get; init; }

    public IReadOnlyList<ChildPermission>? TakeChildPerms { get; init; }

    public IReadOnlyList<ChildPermission>? UnshareChildPerms { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(BlkdebugOptions))]
[JsonSerializable(typeof(System.Text.Json.JsonElement))]
[JsonSerializable(typeof(string))]
internal sealed partial class BlkdebugJson : JsonSerializerContext;
