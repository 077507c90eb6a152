// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using BlockHost.Block;

namespace BlockHost.Remote.Options;

/// <summary>A driver of QEMU's curl family: an object that a URL names, to be read.</summary>
public abstract class CurlDriver : BlockDriver
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
        var target = Prepare(context, options);
        return await Opening.WithYankAsync(context, async lifeline =>
        {
            var found = await Opening.RunAsync(
                context, lifeline, target.Settings.Transfers.Patience, Prefix,
                token => target.OpenAsync(lifeline, token), cancellationToken).ConfigureAwait(false);
            return await RemoteNode.CreateAsync(
                context, found, lifeline, options, Describe(target.Settings, FileName(options))).ConfigureAwait(false);
        }).ConfigureAwait(false);
    }

    /// <exception cref="BlockException">An option is wrong; QEMU's texts.</exception>
    protected abstract CurlTarget Prepare(IBlockNodeContext context, JsonElement options);

    /// <summary>The name that opens the node again; null where it takes options to.</summary>
    protected virtual string? FileName(JsonElement options) => CurlUrl.FileName(options);

    private static RemoteNodeSettings Describe(CurlSettings settings, string? fileName) => new()
    {
        Name = settings.Url.GetComponents(UriComponents.HttpRequestUrl, UriFormat.UriEscaped),
        FileName = fileName,
        Transfers = settings.Transfers,
        ReadAhead = settings.ReadAhead,
        CacheFile = settings.CacheFile,
    };
}

/// <summary>What a node is opened on.</summary>
/// <param name="OpenAsync">Finds the object on its server.</param>
public sealed record CurlTarget(CurlSettings Settings, Func<Lifeline, CancellationToken, ValueTask<IRemoteObject>> OpenAsync);
