// SPDX-License-Identifier: MIT
using BlockHost.Remote.Transfers;

namespace BlockHost.Remote;

/// <summary>One object on a server, of a length that does not change, any part of which can be fetched.</summary>
public interface IRemoteObject : IAsyncDisposable
{
    /// <summary>In bytes; what the server says, checked to be no negative number.</summary>
    long Length { get; }

    /// <summary>Names the content: another version means other bytes. Null where the server has no such name.</summary>
    string? Version { get; }

    /// <summary>
    /// Brings what is left of <paramref name="transfer"/>, and tells it of every part. Called from any thread, as often at once
    /// as the driver allows.
    /// </summary>
    /// <exception cref="RemoteFault">It cannot; whether another try may help, the fault says.</exception>
    ValueTask FetchAsync(Transfer transfer, CancellationToken cancellationToken);
}
