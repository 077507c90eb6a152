// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Chardevs;

/// <summary>A source of byte streams: a socket's clients, or standard input and output once.</summary>
public abstract class Chardev(string id) : IAsyncDisposable
{
    /// <summary>The object model's types of the backends there are.</summary>
    internal static IReadOnlyList<(string Name, string Parent)> QomTypes { get; } = [
        ("chardev-socket", "chardev"), ("chardev-stdio", "chardev-fd")];

    public string Id { get; } = id;

    /// <summary>One of <see cref="QomTypes"/>.</summary>
    public abstract string QomType { get; }

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
