// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Qmp;
using BlockHost.Remote.Options;

namespace BlockHost.Plugins.Block.Ftp;

/// <summary>QAPI BlockdevOptionsCurlFtp.</summary>
public record FtpOptions : CurlOptions;

/// <summary>QAPI BlockdevOptionsCurlFtps.</summary>
public sealed record FtpsOptions : FtpOptions
{
    /// <summary>The server must show a valid certificate. Default: true.</summary>
    public bool? Sslverify { get; init; }

    /// <summary>TLS is asked for by AUTH TLS (port 21) and not there from the first byte (port 990).</summary>
    [JsonPropertyName("x-blockhost-explicit")]
    [QapiFeature("unstable")]
    public bool? Explicit { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(FtpOptions))]
[JsonSerializable(typeof(FtpsOptions))]
internal sealed partial class FtpJson : JsonSerializerContext;
