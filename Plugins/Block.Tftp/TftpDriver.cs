// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Plugins.Block.Tftp.Client;
using BlockHost.Remote;
using BlockHost.Remote.Options;
using BlockHost.Remote.Transfers;

namespace BlockHost.Plugins.Block.Tftp;

/// <summary>The driver "tftp": a file of a TFTP server, to be read.</summary>
internal sealed class TftpDriver : BlockDriver<TftpOptions>
{
    private const int LostPackets = 5;

    public override string FormatName => "tftp";

    public override BlockDriverKind Kind => BlockDriverKind.Protocol;

    public override IReadOnlyList<string> FileNamePrefixes => [FormatName];

    public override IReadOnlyList<string> StrongOptions => ["url"];

    protected override JsonTypeInfo<TftpOptions> TypedOptionsType => TftpJson.Default.TftpOptions;

    public override bool TryParseFileName(string fileName, [NotNullWhen(true)] out JsonElement? options)
    {
        options = CurlUrl.Of(fileName);
        return true;
    }

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, TftpOptions options, CancellationToken cancellationToken)
    {
        context.FallBackToReadOnly("tftp driver does not support writes");
        var settings = TftpSettings.From(options);
        // So long nothing may come: several packets in a row were lost.
        var transfers = new TransferSettings
        { Patience = (LostPackets + 1) * settings.Timeout, DeadlineFollowsProgress = true };
        if (options.RetryTime is { } seconds)
            transfers = transfers with { Deadline = TimeSpan.FromSeconds(seconds) };
        return await Opening.WithYankAsync(context, async lifeline =>
        {
            var found = await Opening.RunAsync(
                context, lifeline, TimeSpan.Zero, "TFTP: Error opening file: ",
                token => TftpObject.OpenAsync(settings, lifeline, context.Host.Clock, token), cancellationToken)
                .ConfigureAwait(false);
            return await RemoteNode.CreateAsync(
                context, found, lifeline, CurlUrl.Of(options.Url),
                new RemoteNodeSettings { Name = options.Url, FileName = options.Url, Transfers = transfers })
                .ConfigureAwait(false);
        }).ConfigureAwait(false);
    }
}
