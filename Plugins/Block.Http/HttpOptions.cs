// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Qmp;
using BlockHost.Remote.Options;

namespace BlockHost.Plugins.Block.Http;

/// <summary>QAPI BlockdevOptionsCurlHttp.</summary>
public record HttpOptions : CurlOptions
{
    /// <summary>As the header has them: "name=value; name=value".</summary>
    public string? Cookie { get; init; }

    /// <summary>Id of a secret that holds cookies.</summary>
    public string? CookieSecret { get; init; }
}

/// <summary>QAPI BlockdevOptionsCurlHttps.</summary>
public sealed record HttpsOptions : HttpOptions
{
    /// <summary>The server must show a valid certificate. Default: true.</summary>
    public bool? Sslverify { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(HttpOptions))]
[JsonSerializable(typeof(HttpsOptions))]
internal sealed partial class HttpJson : JsonSerializerContext;
