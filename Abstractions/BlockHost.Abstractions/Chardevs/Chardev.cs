// SPDX-License-Identifier: MIT
namespace BlockHost.Chardevs;

/// <summary>
/// An open character device: a source of byte streams for the one who uses it (a monitor). A socket gives a stream for each
/// client, a file or a terminal one.
/// </summary>
public abstract class Chardev(string id) : IAsyncDisposable
{
    public string Id { get; } = id;

    /// <summary>As query-chardev shows it: "unix:/path,server=on", "pty:/dev/pts/3", "file".</summary>
    public abstract string FileName { get; }

    /// <summary>Its type in the object model: "chardev-socket".</summary>
    public abstract string QomType { get; }

    /// <summary>How many streams may be in use at once.</summary>
    public virtual int MaxConnections => 1;

    /// <summary>What chardev-add tells of a pseudo terminal; else null.</summary>
    public virtual string? Pty => null;

    /// <summary>
    /// The next stream, duplex; asked for only while fewer than <see cref="MaxConnections"/> are in use. Null: there
    /// will be no more.
    /// </summary>
    public abstract ValueTask<Stream?> AcceptAsync(CancellationToken cancellationToken);

    /// <summary>Sends a break condition, where the device has one.</summary>
    public virtual void SendBreak()
    {
    }

    public virtual ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>The open character devices.</summary>
public interface IChardevs
{
    /// <summary>Null: there is none of that id.</summary>
    Chardev? Find(string id);
}
