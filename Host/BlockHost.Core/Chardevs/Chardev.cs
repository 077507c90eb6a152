// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Chardevs;

/// <summary>A source of byte streams: a socket's clients, or standard input and output once.</summary>
public abstract class Chardev(string id) : IAsyncDisposable
{
    public string Id { get; } = id;

    /// <summary>How many streams may be in use at once.</summary>
    public virtual int MaxConnections => 1;

    /// <summary>Prepares what can fail (bind, connect), and waits for the first client where asked to.</summary>
    public abstract ValueTask StartAsync(CancellationToken cancellationToken);

    /// <summary>
    /// The next stream, duplex; asked for only while fewer than <see cref="MaxConnections"/> are in use. Null: there
    /// will be no more.
    /// </summary>
    public abstract ValueTask<Stream?> AcceptAsync(CancellationToken cancellationToken);

    public abstract ValueTask DisposeAsync();
}
