// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;

namespace BlockHost.Net;

/// <summary>QAPI union SocketAddressLegacy: as SocketAddress, with the members one level down in "data".</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(InetSocketAddressLegacy), "inet")]
[JsonDerivedType(typeof(UnixSocketAddressLegacy), "unix")]
[JsonDerivedType(typeof(VsockSocketAddressLegacy), "vsock")]
[JsonDerivedType(typeof(FdSocketAddressLegacy), "fd")]
public abstract record SocketAddressLegacy
{
    [JsonIgnore]
    public abstract SocketAddress Address { get; }
}

public sealed record InetSocketAddressLegacy : SocketAddressLegacy
{
    public required InetSocketAddress Data { get; init; }

    [JsonIgnore]
    public override SocketAddress Address => Data;
}

public sealed record UnixSocketAddressLegacy : SocketAddressLegacy
{
    public required UnixSocketAddress Data { get; init; }

    [JsonIgnore]
    public override SocketAddress Address => Data;
}

public sealed record VsockSocketAddressLegacy : SocketAddressLegacy
{
    public required VsockSocketAddress Data { get; init; }

    [JsonIgnore]
    public override SocketAddress Address => Data;
}

public sealed record FdSocketAddressLegacy : SocketAddressLegacy
{
    public required FdSocketAddress Data { get; init; }

    [JsonIgnore]
    public override SocketAddress Address => Data;
}
