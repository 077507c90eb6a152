// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Remote.Transfers;

/// <summary>Something that ranges are read from; layers of these stand upon one another.</summary>
internal interface IByteRange
{
    /// <summary>Bytes that there are; nobody asks for more.</summary>
    long Length { get; }

    ValueTask ReadAsync(long offset, IoSlice target, CancellationToken cancellationToken);
}
