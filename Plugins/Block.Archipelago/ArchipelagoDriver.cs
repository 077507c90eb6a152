// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Plugins.Block.Archipelago.Client;
using BlockHost.Plugins.Block.Archipelago.Segments;
using BlockHost.Remote;

namespace BlockHost.Plugins.Block.Archipelago;

/// <summary>The driver "archipelago": a volume that peers on this machine serve through shared memory.</summary>
internal sealed class ArchipelagoDriver(string folder) : BlockDriver<ArchipelagoOptions>
{
    private const uint MapperPort = 1001;
    private const uint ComposerPort = 501;
    private const uint UsualTimeout = 30;

    public override string FormatName => "archipelago";

    public override BlockDriverKind Kind => BlockDriverKind.Protocol;

    public override IReadOnlyList<string> FileNamePrefixes => [FormatName];

    public override IReadOnlyList<string> StrongOptions => ["volume", "mport", "vport", "segment"];

    protected override JsonTypeInfo<ArchipelagoOptions> TypedOptionsType => ArchipelagoJson.Default.ArchipelagoOptions;

    public override bool TryParseFileName(string fileName, [NotNullWhen(true)] out JsonElement? options)
    {
        options = JsonSerializer.SerializeToElement(VolumeFileName.Parse(fileName), TypedOptionsType);
        return true;
    }

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, ArchipelagoOptions options, CancellationToken cancellationToken)
    {
        var settings = Settings(options);
        return await Opening.WithYankAsync(context, async lifeline =>
        {
            var client = await ArchipelagoClient.JoinAsync(settings, lifeline, context.Host.Clock, cancellationToken)
                .ConfigureAwait(false);
            try
            {
                var length = await client.GetLengthAsync(cancellationToken).ConfigureAwait(false);
                return new ArchipelagoNode(options, client, lifeline, length, writable: !context.ReadOnly);
            }
            catch
            {
                await client.DisposeAsync().ConfigureAwait(false);
                throw;
            }
        }).ConfigureAwait(false);
    }

    private VolumeSettings Settings(ArchipelagoOptions options)
    {
        var volume = Encoding.UTF8.GetBytes(options.Volume);
        if (volume.Length is 0 or > RequestLayout.MaxTarget)
            throw new BlockException(ParameterFault.OutOfRange("volume", $"a name of 1 to {RequestLayout.MaxTarget} bytes"));
        var segment = options.Segment ?? "archipelago";
        if (segment.Length == 0 || segment.Contains('/') || segment.Contains('\0') || segment is "." or "..")
            throw new BlockException(ParameterFault.OutOfRange("segment", "a name without slashes"));
        if (options.Timeout == 0)
            throw new BlockException(ParameterFault.OutOfRange("x-blockhost-timeout", "a number above 0"));
        return new()
        {
            Folder = folder,
            Segment = segment,
            Volume = volume,
            Mapper = Port("mport", options.Mport ?? MapperPort),
            Composer = Port("vport", options.Vport ?? ComposerPort),
            Timeout = TimeSpan.FromSeconds(options.Timeout ?? UsualTimeout),
        };
    }

    private static uint Port(string option, long port) => port is >= 0 and < uint.MaxValue
        ? (uint)port
        : throw new BlockException(ParameterFault.OutOfRange(option, "a port number"));
}
