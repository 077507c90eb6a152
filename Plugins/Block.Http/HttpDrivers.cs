// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Plugins.Block.Http.Client;
using BlockHost.Remote;
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
internal abstract class WebDriver : BlockDriver
{
    private const string Prefix = "CURL: Error opening file: ";

    public override BlockDriverKind Kind => BlockDriverKind.Protocol;

    public override IReadOnlyList<string> FileNamePrefixes => [FormatName];

    public override IReadOnlyList<string> StrongOptions => CurlUrl.StrongOptions;

    public override bool TryParseFileName(string fileName, [NotNullWhen(true)] out JsonElement? options)
    {
        options = CurlUrl.Of(fileName);
        return true;
    }

    public override JsonElement Modernise(JsonElement options) => CurlUrl.Require(options);

    public override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken)
    {
        context.FallBackToReadOnly("curl driver does not support writes");
        var typed = (HttpOptions)options.Deserialize(OptionsType)!;
        var settings = HttpSettings.From(typed, context.Host.Objects, FormatName);
        var lifeline = new Lifeline();
        // From here on nobody has to wait for a server that does not answer.
        var yank = context.OnYank(lifeline.Yank);
        try
        {
            var found = await Opening.RunAsync(
                context, lifeline, settings.Curl.Transfers.Patience, Prefix,
                token => HttpObject.OpenAsync(settings, lifeline, token), cancellationToken).ConfigureAwait(false);
            return await RemoteNode.CreateAsync(context, found, lifeline, options, Describe(settings.Curl, options))
                .ConfigureAwait(false);
        }
        catch
        {
            yank.Dispose();
            throw;
        }
    }

    private static RemoteNodeSettings Describe(CurlSettings settings, JsonElement options) => new()
    {
        Name = settings.Url.GetComponents(UriComponents.HttpRequestUrl, UriFormat.UriEscaped),
        FileName = CurlUrl.FileName(options),
        Transfers = settings.Transfers,
        ReadAhead = settings.ReadAhead,
        CacheFile = settings.CacheFile,
    };
}
