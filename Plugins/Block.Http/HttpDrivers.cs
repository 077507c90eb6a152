// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Plugins.Block.Http.Client;
using BlockHost.Remote.Options;

namespace BlockHost.Plugins.Block.Http;

/// <summary>The driver "http".</summary>
internal sealed class HttpDriver : WebDriver
{
    public override string FormatName => "http";

    public override JsonTypeInfo OptionsType => HttpJson.Default.HttpOptions;
}

/// <summary>The driver "https".</summary>
internal sealed class HttpsDriver : WebDriver
{
    public override string FormatName => "https";

    public override JsonTypeInfo OptionsType => HttpJson.Default.HttpsOptions;
}

/// <summary>An object of a web server, to be read: QEMU's curl driver.</summary>
internal abstract class WebDriver : CurlDriver
{
    protected override CurlTarget Prepare(IBlockNodeContext context, JsonElement options)
    {
        var typed = (HttpOptions)options.Deserialize(OptionsType)!;
        var settings = HttpSettings.From(typed, context.Host.Objects, FormatName);
        return new(
            settings.Curl,
            async (lifeline, token) => await HttpObject.OpenAsync(settings, lifeline, token).ConfigureAwait(false));
    }
}
