// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Qmp;

namespace BlockHost.Remote.Options;

/// <summary>QAPI BlockdevOptionsCurlBase, and what all drivers of objects with a URL have beside it here.</summary>
public abstract record CurlOptions
{
    public required string Url { get; init; }

    /// <summary>
    /// Bytes, in units of 512, that are read ahead of a sequential reader at least; 0: none. Default: 256 KiB.
    /// </summary>
    public long? Readahead { get; init; }

    /// <summary>Seconds after which a transfer that brings nothing is given up; 0: never. Default: 5.</summary>
    public long? Timeout { get; init; }

    public string? Username { get; init; }

    /// <summary>Id of a secret.</summary>
    public string? PasswordSecret { get; init; }

    public string? ProxyUsername { get; init; }

    /// <summary>Id of a secret.</summary>
    public string? ProxyPasswordSecret { get; init; }

    /// <summary>
    /// A local file that keeps what was read, for as long as the server has the same version of the object. It must be new,
    /// empty, or such a file.
    /// </summary>
    [JsonPropertyName("x-blockhost-cache-file")]
    [QapiFeature("unstable")]
    public string? CacheFile { get; init; }

    /// <summary>Seconds for which a request is tried again; 0: it is tried once. Default: 30.</summary>
    [JsonPropertyName("x-blockhost-retry-time")]
    [QapiFeature("unstable")]
    public uint? RetryTime { get; init; }

    /// <summary>Transfers at the same time, 1 to 64. Default: 8.</summary>
    [JsonPropertyName("x-blockhost-connections")]
    [QapiFeature("unstable")]
    public uint? Connections { get; init; }
}
