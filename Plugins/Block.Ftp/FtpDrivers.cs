// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Plugins.Block.Ftp.Client;
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
internal abstract class FileServerDriver : CurlDriver
{
    public override IReadOnlyList<string> StrongOptions => [.. CurlUrl.StrongOptions, "x-blockhost-explicit"];

    protected override CurlTarget Prepare(IBlockNodeContext context, JsonElement options)
    {
        var typed = (FtpOptions)options.Deserialize(OptionsType)!;
        var settings = FtpSettings.From(typed, context.Host.Objects, FormatName);
        return new(
            settings.Curl,
            async (_, token) => await FtpObject.OpenAsync(settings, token).ConfigureAwait(false));
    }

    protected override string? FileName(JsonElement options) =>
        options.TryGetProperty("x-blockhost-explicit", out _) ? null : base.FileName(options);
}
