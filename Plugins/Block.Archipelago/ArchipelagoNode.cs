// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Archipelago.Client;
using BlockHost.Remote;

namespace BlockHost.Plugins.Block.Archipelago;

/// <summary>A volume: it is read, written and flushed; the protocol has no other way to zeroes than to write them.</summary>
internal sealed class ArchipelagoNode : BlockNode, IReopenable
{
    private const int SectorSize = 512;

    /// <summary>The peers' limit for one request.</summary>
    private const int MaxTransfer = 512 * 1024;

    private readonly ArchipelagoOptions _options;
    private readonly ArchipelagoClient _client;
    private readonly Lifeline _lifeline;
    private BlockProfile _profile;

    internal ArchipelagoNode(
        ArchipelagoOptions options, ArchipelagoClient client, Lifeline lifeline, long length, bool writable)
    {
        (_options, _client, _lifeline) = (options, client, lifeline);
        FileName = VolumeFileName.Of(options);
        _profile = new()
        {
            Length = length,
            Limits = new() { RequestAlignment = SectorSize, MaxTransfer = MaxTransfer },
            Writable = writable,
            Flush = Support.Native,
        };
    }

    public override BlockProfile Profile => _profile;

    public override string FileName { get; }

    public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken) =>
        _client.ReadAsync(offset, target, cancellationToken);

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken) =>
        _client.WriteAsync(offset, source, cancellationToken);

    public override ValueTask FlushAsync(CancellationToken cancellationToken) => _client.FlushAsync(cancellationToken);

    /// <summary>Which volume it is cannot change, whether it may be written can.</summary>
    public ValueTask<IReopenStep> PrepareReopenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken)
    {
        var wanted = options.Deserialize(ArchipelagoJson.Default.ArchipelagoOptions)!;
        var changed = wanted.Volume != _options.Volume ? "volume"
            : wanted.Mport != _options.Mport ? "mport"
            : wanted.Vport != _options.Vport ? "vport"
            : wanted.Segment != _options.Segment ? "segment"
            : wanted.Timeout != _options.Timeout ? "x-blockhost-timeout"
            : null;
        return changed is null
            ? new(new Access(this, writable: !context.ReadOnly))
            : throw new BlockException(BlockErrorKind.InvalidArgument, $"Cannot change the option '{changed}'");
    }

    public override async ValueTask DisposeAsync()
    {
        await _client.CloseVolumeAsync().ConfigureAwait(false);
        await _lifeline.CloseAsync().ConfigureAwait(false);
        await _client.DisposeAsync().ConfigureAwait(false);
    }

    private sealed class Access(ArchipelagoNode node, bool writable) : IReopenStep
    {
        public void Commit() => node._profile = node._profile with { Writable = writable };

        public ValueTask AbortAsync() => default;
    }
}
