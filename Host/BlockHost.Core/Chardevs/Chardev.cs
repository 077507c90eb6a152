// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Chardevs;

/// <summary>A source of byte streams, one at a time: a socket's clients in turn, or standard input and output once.</summary>
public abstract class Chardev(string id) : IAsyncDisposable
{
    public string Id { get; } = id;

    /// <summary>Prepares what can fail (bind, connect), and waits for the first client where asked to.</summary>
    public abstract ValueTask StartAsync(CancellationToken cancellationToken);

    /// <summary>
    /// The next stream, duplex; it is asked for again when the last one has ended. Null: there will be no more.
    /// </summary>
    public abstract ValueTask<Stream?> AcceptAsync(CancellationToken cancellationToken);

    public abstract ValueTask DisposeAsync();
}
