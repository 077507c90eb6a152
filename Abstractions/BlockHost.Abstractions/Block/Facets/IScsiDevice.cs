// SPDX-License-Identifier: MIT
namespace BlockHost.Block.Facets;

/// <summary>A command for a SCSI device. Data goes in one direction: out where <see cref="DataOut"/> holds any.</summary>
public sealed record ScsiRequest
{
    /// <summary>The command descriptor block, as long as its operation code says.</summary>
    public required ReadOnlyMemory<byte> Command { get; init; }

    public ReadOnlyMemory<byte> DataOut { get; init; }

    /// <summary>The most bytes that the device may answer.</summary>
    public int DataInLength { get; init; }

    /// <summary>After so long the system gives the command up; null: what suits the device.</summary>
    public TimeSpan? Timeout { get; init; }
}

/// <summary>
/// What a SCSI device answered. Status 0 is GOOD, 2 CHECK CONDITION, which <paramref name="Sense"/> explains.
/// </summary>
public sealed record ScsiReply(byte Status, ReadOnlyMemory<byte> Data, ReadOnlyMemory<byte> Sense);

/// <summary>Facet of a node over a SCSI device: commands are passed to it as they are, past the block graph.</summary>
public interface IScsiDevice
{
    /// <exception cref="BlockException">
    /// Permission denied: the command is none of those that may be passed. Not supported: the device takes none.
    /// </exception>
    ValueTask<ScsiReply> SendAsync(ScsiRequest request, CancellationToken cancellationToken);
}
