// SPDX-License-Identifier: MIT
using System.Text.Json;

namespace BlockHost.Block.Facets;

/// <summary>
/// Facet of a protocol driver whose files come and go by name. What was made for an image that then fails is taken away with it,
/// and what was there before stays. Storage without it (a device, a server's disk) is never taken away.
/// </summary>
public interface IFileStore
{
    /// <param name="options">Of the node that stores the file.</param>
    ValueTask<bool> ExistsAsync(JsonElement options, CancellationToken cancellationToken);

    /// <summary>Removes the file; one that is not there is no error.</summary>
    /// <param name="options">Of the node that stores the file.</param>
    ValueTask DeleteAsync(JsonElement options, CancellationToken cancellationToken);
}

/// <summary>Facet of the protocol driver that plain paths belong to: the one with the empty file name prefix.</summary>
public interface IPathStore
{
    /// <summary>The driver that stores what the path leads to: one for files, another for devices.</summary>
    string DriverOf(string path);
}
