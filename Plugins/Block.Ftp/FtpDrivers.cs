// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Plugins.Block.Ftp.Client;
using BlockHost.Remote;
using BlockHost.Remote.Options;

namespace BlockHost.Plugins.Block.Ftp;

/// <summary>The driver "ftp".</summary>
internal sealed class FtpDriver : FileServerDriver
{
    public override string FormatName => "ftp";

    public override JsonTypeInfo OptionsType => FtpJson.Default.FtpOptions;
}

/// <summary>The driver "ftps".</summary>
internal sealed class FtpsDriver : FileServerDriver
{
    public override string FormatName => "ftps";

    public override JsonTypeInfo OptionsType => FtpJson.Default.FtpsOptions;
}

/// <summary>A file of an FTP server, to be read: QEMU's curl driver.</summary>
internal abstract class FileServerDriver : BlockDriver
{
    private const string Prefix = "CURL: Error opening file: ";

    public override BlockDriverKind Kind => BlockDriverKind.Protocol;

    public override IReadOnlyList<string> FileNamePrefixes => [FormatName];

    public override IReadOnlyList<string> StrongOptions => [.. CurlUrl.StrongOptions, "x-blockhost-explicit"];

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
        var typed = (FtpOptions)options.Deserialize(OptionsType)!;
        var settings = FtpSettings.From(typed, context.Host.Objects, FormatName);
        var lifeline = new Lifeline();
        // From here on nobody has to wait for a server that does not answer.
        var yank = context.OnYank(lifeline.Yank);
        try
        {
            var found = await Opening.RunAsync(
                context, lifeline, settings.Curl.Transfers.Patience, Prefix,
                token => FtpObject.OpenAsync(settings, token), cancellationToken).ConfigureAwait(false);
            return await RemoteNode.CreateAsync(context, found, lifeline, options, Describe(settings, options))
                .ConfigureAwait(false);
        }
        catch
        {
            yank.Dispose();
            throw;
        }
    }

    private static RemoteNodeSettings Describe(FtpSettings settings, JsonElement options) => new()
    {
        Name = settings.Curl.Url.GetComponents(UriComponents.HttpRequestUrl, UriFormat.UriEscaped),
        FileName = options.TryGetProperty("x-blockhost-explicit", out _) ? null : CurlUrl.FileName(options),
        Transfers = settings.Curl.Transfers,
        ReadAhead = settings.Curl.ReadAhead,
        CacheFile = settings.Curl.CacheFile,
    };
}
