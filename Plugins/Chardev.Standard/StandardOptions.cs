// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Net;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Chardev.Standard;

/// <summary>QAPI struct ChardevCommon. The log is the host's to write.</summary>
public record CommonOptions
{
    public string? Logfile { get; init; }

    public bool? Logappend { get; init; }
}

/// <summary>QAPI struct ChardevFile.</summary>
public sealed record FileOptions : CommonOptions
{
    /// <summary>What is read; default: nothing ever comes.</summary>
    public string? In { get; init; }

    public required string Out { get; init; }

    /// <summary>What is in the file already stays.</summary>
    public bool? Append { get; init; }
}

/// <summary>QAPI struct ChardevHostdev.</summary>
public sealed record HostDeviceOptions : CommonOptions
{
    public required string Device { get; init; }
}

/// <summary>QAPI struct ChardevRingbuf.</summary>
public sealed record RingbufOptions : CommonOptions
{
    /// <summary>Bytes, a power of two; default 64 KiB.</summary>
    public long? Size { get; init; }
}

/// <summary>QAPI struct ChardevUdp.</summary>
public sealed record UdpOptions : CommonOptions
{
    public required SocketAddressLegacy Remote { get; init; }

    public SocketAddressLegacy? Local { get; init; }
}

/// <summary>Arguments of ringbuf-write.</summary>
public sealed record RingbufWriteArguments
{
    public required string Device { get; init; }

    public required string Data { get; init; }

    public DataFormat? Format { get; init; }
}

/// <summary>Arguments of ringbuf-read.</summary>
public sealed record RingbufReadArguments
{
    public required string Device { get; init; }

    /// <summary>The most bytes to read.</summary>
    public required long Size { get; init; }

    public DataFormat? Format { get; init; }
}

/// <summary>How bytes stand in a JSON string.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<DataFormat>))]
public enum DataFormat
{
    [JsonStringEnumMemberName("utf8")]
    Utf8 = 0,

    [JsonStringEnumMemberName("base64")]
    Base64 = 1,
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(CommonOptions))]
[JsonSerializable(typeof(FileOptions))]
[JsonSerializable(typeof(HostDeviceOptions))]
[JsonSerializable(typeof(RingbufOptions))]
[JsonSerializable(typeof(UdpOptions))]
[JsonSerializable(typeof(RingbufWriteArguments))]
[JsonSerializable(typeof(RingbufReadArguments))]
[JsonSerializable(typeof(string))]
internal sealed partial class StandardJson : JsonSerializerContext;
