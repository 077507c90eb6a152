// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;

namespace BlockHost.Net;

/// <summary>QAPI union SocketAddress, by "type".</summary>
[JsonPolymorphic(
    TypeDiscriminatorPropertyName = "type", UnknownDerivedTypeHandling = JsonUnknownDerivedTypeHandling.FailSerialization)]
[JsonDerivedType(typeof(InetSocketAddress), "inet")]
[JsonDerivedType(typeof(UnixSocketAddress), "unix")]
[JsonDerivedType(typeof(VsockSocketAddress), "vsock")]
[JsonDerivedType(typeof(FdSocketAddress), "fd")]
public abstract record SocketAddress;

public sealed record InetSocketAddress : SocketAddress
{
    [JsonPropertyName("host")]
    public required string Host { get; init; }

    /// <summary>Number or service name.</summary>
    [JsonPropertyName("port")]
    public required string Port { get; init; }

    [JsonPropertyName("numeric")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? Numeric { get; init; }

    /// <summary>Highest port to try.</summary>
    [JsonPropertyName("to")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ushort? To { get; init; }

    [JsonPropertyName("ipv4")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? Ipv4 { get; init; }

    [JsonPropertyName("ipv6")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? Ipv6 { get; init; }

    [JsonPropertyName("keep-alive")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? KeepAlive { get; init; }

    [JsonPropertyName("mptcp")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? Mptcp { get; init; }
}

public sealed record UnixSocketAddress : SocketAddress
{
    [JsonPropertyName("path")]
    public required string Path { get; init; }

    [JsonPropertyName("abstract")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? Abstract { get; init; }

    [JsonPropertyName("tight")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? Tight { get; init; }
}

public sealed record VsockSocketAddress : SocketAddress
{
    [JsonPropertyName("cid")]
    public required string Cid { get; init; }

    [JsonPropertyName("port")]
    public required string Port { get; init; }
}

public sealed record FdSocketAddress : SocketAddress
{
    /// <summary>Number or name of a file descriptor.</summary>
    [JsonPropertyName("str")]
    public required string Str { get; init; }
}
